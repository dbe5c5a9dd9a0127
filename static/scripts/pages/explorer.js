import { DataElement } from "../elements/data-element.js";
import "../elements/drop-down.js";
import { exportFromQuery, isFiltered, queryFromUrl, requestFromQuery, unfiltered, urlFromQuery } from "../elements/explorer-query.js";
import "../elements/filter-bar.js";
import "../elements/finding-panel.js";
import { findingRow } from "../elements/finding-row.js";
import { countsHosts, groupHeading, groupRow, groupsCounted } from "../elements/group-row.js";
import "../elements/list-display.js";
import "../elements/list-keys.js";
import "../elements/list-pager.js";
import { find, setText } from "../lib/dom.js";
import { count, counted, score } from "../lib/format.js";
import { exports } from "../progress/exports.js";

const LIMIT = 50;

/**
 * The list of findings, or of groups of them, with its filters. Its state is in the URL, including the finding in the panel, so that a view
 * can be reloaded, shared and returned to. The severity cards above the list count the filtered findings, and are filters themselves.
 *
 * `data-fixed` has the filters of a host's, a definition's or a CVE's own list, as a query string.
 */
class FindingExplorer extends DataElement {
    #filters;
    #display;
    #pager;
    #panel;
    #keys;
    #fixed;
    #query;
    #pagination = { page: 1, limit: LIMIT, total: 0 };
    /** The rows that are shown, as the server has answered them. */
    #data = [];
    /** What becomes of the next answer: its list is gone to, or its first or last finding is opened. */
    #then = "";
    #resize = new ResizeObserver(() => this.#display.fit(this));

    connectedCallback() {
        this.#filters = find(this, "filter-bar");
        this.#display = find(this, "list-display");
        this.#pager = find(this, "list-pager");
        this.#panel = find(this, "finding-panel");
        this.#keys = find(this, "list-keys");
        this.#fixed = Object.fromEntries(new URLSearchParams(this.dataset.fixed));
        this.#readUrl();
        this.#display.apply(this);
        super.connectedCallback();
        this.listen(window, "popstate", () => this.#onBack());
        this.listen(this, "click", (event) => this.#onClick(event.target));
        this.listen(find(this, "[data-sort-choice]"), "change", ({ target }) => this.#sortBy(target.value, target.selectedOptions[0].dataset.first));
        this.listen(this.#filters, "filter", ({ detail }) => this.#change(detail.changes, detail.replaces ? "replaceState" : "pushState"));
        this.listen(this.#display, "display", () => this.#onDisplay());
        this.listen(this.#pager, "page", ({ detail }) => this.#goTo(detail, "list"));
        this.listen(this.#panel, "step", ({ detail }) => this.#step(detail));
        this.listen(this.#panel, "closed", () => this.#onClosed());
        this.listen(this.#keys, "key", ({ detail }) => this.#onKey(detail));
        this.#resize.observe(find(this, "[data-list-frame]"));
    }

    disconnectedCallback() {
        super.disconnectedCallback();
        this.#resize.disconnect();
    }

    get path() {
        return requestFromQuery(this.#query, LIMIT, this.#fixed);
    }

    async load() {
        for (const list of this.#lists) list.setAttribute("aria-busy", "true");
        await super.load();
    }

    show({ data, pagination, totals, filters }) {
        if (data.length === 0 && pagination.total > 0 && this.#query.page > 1) {
            const last = Math.min(pagination.pages, pagination.numberedPages);
            this.#change({ page: last, finding: this.#query.finding }, "replaceState"); // the list has become shorter than the URL says
            return;
        }
        this.#pagination = pagination;
        this.#data = data;
        this.#showRows(data);
        this.#showTotals(totals, pagination.total);
        this.#filters.showInUse(filters, this.#query);
        this.#pager.show(pagination);
        find(this, "[data-list-frame]").setAttribute("aria-label", `List, ${find(this, "[data-page-info]").textContent}`);
        this.showView(pagination.total > 0 ? "list" : isFiltered(this.#query) ? "unmatched" : "empty");
        this.#display.fit(this);
        this.#arrive();
    }

    showError(error) {
        if (error.status === 400 && this.#query.page > 1 && !this.#query.cursor) {
            this.#change({}, "replaceState"); // the page may be one that is reached from the one before only
            return;
        }
        super.showError(error);
        find(this, "[data-trouble-reset]").hidden = error.status !== 400;
        this.#pager.hidden = true;
        this.#then = "";
    }

    showView(view) {
        find(this, "[data-explorer]").dataset.view = view;
        for (const list of this.#lists) list.removeAttribute("aria-busy");
    }

    get #lists() {
        return this.querySelectorAll("[data-findings-list], [data-groups-list]");
    }

    /** The rows of the table that is shown; whoever stands on one of them stays there. */
    #showRows(data) {
        const { group } = this.#query;
        const focused = document.activeElement.closest("[data-finding-id]")?.dataset.findingId;
        for (const table of this.querySelectorAll("[data-table]")) {
            table.hidden = (table.dataset.table === "finding") !== (group === "finding");
        }
        if (group === "finding") {
            const template = find(this, "[data-finding-template]");
            find(this, "[data-findings-list]").replaceChildren(...data.map((finding) => findingRow(template, finding)));
            if (focused) this.#focus(this.#rowOf(focused));
            return;
        }
        const template = find(this, "[data-group-template]");
        const largest = Math.max(...data.map((each) => each.findings));
        setText(find(this, "[data-group-heading] button span"), groupHeading(group));
        find(this, "th.cell-hosts").hidden = !countsHosts(group);
        this.#showSort();
        find(this, "[data-groups-list]").replaceChildren(...data.map((each) => groupRow(template, group, each, largest)));
    }

    #showTotals({ findings, vprSum, bySeverity }, rows) {
        const { group } = this.#query;
        const figures = [group !== "finding" && groupsCounted(group, rows), counted(findings, "finding"), `VPR sum ${score(vprSum)}`];
        setText(find(this, "[data-totals]"), findings > 0 ? figures.filter(Boolean).join(" · ") : "");
        for (const [severity, number] of Object.entries(bySeverity)) {
            const card = find(this, `[data-stat="${severity}"]`);
            setText(find(card, "[data-stat-value]"), count(number));
            find(card, "[data-stat-share]").style.width = `${findings > 0 ? (number / findings) * 100 : 0}%`;
        }
    }

    /** Do what was to be done once the list is there. */
    #arrive() {
        const then = this.#then;
        this.#then = "";
        if (then === "list") {
            const frame = find(this, "[data-list-frame]");
            frame.scrollTop = 0;
            if (frame.getBoundingClientRect().top < 0) frame.scrollIntoView({ block: "start" });
            frame.focus({ preventScroll: true });
        } else if (then) {
            this.#open((then === "first" ? this.#rows[0] : this.#rows.at(-1)).dataset.findingId);
            return;
        }
        this.#showPlace();
    }

    #onClick(target) {
        const { sort, group } = target.closest("[data-sort], button[data-group]")?.dataset ?? {};
        const severity = target.closest("button[data-stat]")?.dataset.stat;
        const finding = target.closest("[data-finding-id]");
        if (sort) this.#sortBy(sort, target.closest("[data-sort]").dataset.sortFirst);
        else if (group) this.#change({ group, sort: "", order: "desc" });
        else if (severity) this.#change({ severity: this.#query.severity === severity ? "" : severity });
        else if (finding && !target.closest("a") && getSelection().isCollapsed) this.#open(finding.dataset.findingId);
        else if (target.closest("[data-export]")) this.#export(target.closest("[data-export]"));
        else if (target.closest("[data-every-state]")) this.#change({ state: "all" });
        else if (target.closest("[data-filter-reset]")) this.#change(unfiltered(this.#query));
        else if (target.closest("[data-sort-turn]")) this.#change({ sort: this.#sort, order: this.#query.order === "desc" ? "asc" : "desc" });
        else if (target.closest("[data-keys-help]")) this.#keys.help();
    }

    #onDisplay() {
        this.#display.apply(this);
        if (this.#query.group === "finding") this.#showRows(this.#data);
        this.#showQuery();
        this.#showPlace();
    }

    // The finding in the panel, and the ones before and after it

    /** The rows that are shown, findings or groups. */
    get #rows() {
        return Array.from(this.querySelectorAll("[data-table]:not([hidden]) tbody tr:not(.skeleton)"));
    }

    #rowOf(findingId) {
        return this.querySelector(`[data-finding-id="${CSS.escape(findingId)}"]`);
    }

    #focus(row) {
        row?.querySelector("[data-open-finding], [data-group-name]")?.focus();
    }

    /** The first one that is opened is a place to go back from, others take its place. */
    #open(finding) {
        const { finding: before } = this.#query;
        const from = this.#address;
        this.#query = { ...this.#query, finding };
        if (before) history.replaceState(history.state, "", this.#address);
        else history.pushState({ openedFrom: from }, "", this.#address);
        this.#showFinding();
    }

    #showFinding() {
        if (this.#query.finding) this.#panel.open(this.#query.finding);
        else this.#panel.close();
        this.#showPlace();
    }

    #showPlace() {
        const rows = this.#rows;
        const shown = this.#query.finding && this.#rowOf(this.#query.finding);
        const place = rows.indexOf(shown);
        for (const row of rows) row.toggleAttribute("data-shown", row === shown);
        const { page, limit, total } = this.#pagination;
        this.#panel.showPlace({
            place: place < 0 ? "" : `${count((page - 1) * limit + place + 1)} of ${count(total)}`,
            previous: place > 0 || (place === 0 && this.#pager.before !== null),
            next: place >= 0 && (place < rows.length - 1 || this.#pager.behind !== null),
        });
    }

    /** Go to the finding before or behind the one in the panel, on the next page if need be. */
    #step(by) {
        const rows = this.#rows;
        const place = rows.indexOf(this.#rowOf(this.#query.finding));
        if (place < 0 || this.#then) return;
        const row = rows[place + by];
        const page = by > 0 ? this.#pager.behind : this.#pager.before;
        if (row) this.#open(row.dataset.findingId);
        else if (page) this.#goTo({ ...page, finding: this.#query.finding }, by > 0 ? "first" : "last");
    }

    #onClosed() {
        const { finding } = this.#query;
        if (this.#then) this.#then = "list"; // the page with the next finding is on its way
        if (finding) {
            this.#query = { ...this.#query, finding: "" };
            if (history.state?.openedFrom === this.#address) history.back();
            else history.replaceState(null, "", this.#address);
        }
        const row = this.querySelector("[data-shown]");
        this.#showPlace();
        this.#focus(row);
    }

    #onKey(action) {
        const rows = this.#rows;
        const place = rows.indexOf(document.activeElement.closest("tr"));
        const by = { next: 1, previous: -1 }[action];
        if (by && this.#panel.isOpen) this.#step(by);
        else if (by) this.#focus(rows[place < 0 ? 0 : Math.min(Math.max(0, place + by), rows.length - 1)]);
        else if (this.#panel.isOpen) return;
        else if (action === "open") rows[place]?.querySelector("[data-open-finding], [data-group-name]").click();
        else if (action === "search") this.#filters.search();
        else if (action === "leave") find(this, "[data-list-frame]").focus();
    }

    // The query

    get #address() {
        return location.pathname + urlFromQuery(this.#query);
    }

    #readUrl() {
        this.#query = queryFromUrl(location.search);
        if (!this.querySelector(`button[data-group="${CSS.escape(this.#query.group)}"]`)) this.#query.group = "finding";
        this.#showQuery();
        this.#showFinding();
    }

    #onBack() {
        const before = this.path;
        this.#readUrl();
        if (this.path !== before) this.load();
    }

    /** Any change but that of the page begins at the first page. */
    #change(changes, method = "pushState") {
        this.#query = { ...this.#query, page: 1, cursor: "", finding: "", ...changes };
        history[method](method === "replaceState" ? history.state : null, "", this.#address);
        this.#showQuery();
        this.load();
    }

    #goTo(place, then) {
        this.#then = then;
        this.#change(place, place.finding ? "replaceState" : "pushState");
    }

    /** The greatest first, or of texts the least, and the other way round if it is so already. */
    #sortBy(sort, first = "desc") {
        const turned = this.#query.order === "desc" ? "asc" : "desc";
        this.#change({ sort, order: this.#sort === sort ? turned : first });
    }

    /** What the rows are sorted by: the server's own order if the query does not say. */
    get #sort() {
        return this.#query.sort || (this.#query.group === "finding" ? "severity" : "weight");
    }

    /** The browser follows the link as it is then; it names the session of the export. */
    #export(link) {
        link.href = exports.begin(this.#exportPath(link));
    }

    #exportPath(link) {
        const columns = "exportShown" in link.dataset ? this.#display.shown() : "";
        return exportFromQuery(this.#query, link.dataset.export, this.#fixed, columns, "exportEvidence" in link.dataset);
    }

    #showQuery() {
        const { severity, state, group } = this.#query;
        this.#filters.show(this.#query);
        for (const part of ["[data-unmatched-state]", "[data-every-state]"]) find(this, part).hidden = state !== "open";
        for (const card of this.querySelectorAll("button[data-stat]")) {
            card.setAttribute("aria-pressed", String(card.dataset.stat === severity));
        }
        for (const button of this.querySelectorAll("button[data-group]")) {
            button.setAttribute("aria-pressed", String(button.dataset.group === group));
        }
        this.#showSort();
        this.#display.offerColumns(group === "finding"); // groups have columns of their own
        for (const link of this.querySelectorAll("[data-export]")) link.href = this.#exportPath(link);
    }

    /** In the head of each column, and where there is no room for a head as a choice of the same. */
    #showSort() {
        const { order, group } = this.#query;
        for (const button of this.querySelectorAll("[data-sort]")) {
            const sorted = button.dataset.sort === this.#sort ? (order === "asc" ? "ascending" : "descending") : "none";
            button.closest("th").setAttribute("aria-sort", sorted);
        }
        const heads = this.querySelectorAll(`[data-table="${group === "finding" ? "finding" : "group"}"] th:not(.cell-hosts[hidden]) [data-sort]`);
        const choice = find(this, "[data-sort-choice]");
        choice.replaceChildren(...Array.from(heads, sortOption));
        choice.value = this.#sort;
        const turn = find(this, "[data-sort-turn]");
        turn.dataset.order = order;
        turn.setAttribute("aria-label", order === "asc" ? "Ascending; sort descending" : "Descending; sort ascending");
    }
}

function sortOption({ textContent, dataset }) {
    const option = new Option(textContent.trim(), dataset.sort);
    option.dataset.first = dataset.sortFirst ?? "desc";
    return option;
}

customElements.define("finding-explorer", FindingExplorer);
