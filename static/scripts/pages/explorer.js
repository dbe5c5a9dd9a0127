import "../elements/column-choice.js";
import { DataElement } from "../elements/data-element.js";
import "../elements/drop-down.js";
import { exportFromQuery, isFiltered, queryFromUrl, requestFromQuery, unfiltered, urlFromQuery } from "../elements/explorer-query.js";
import "../elements/filter-bar.js";
import "../elements/finding-panel.js";
import { findingRow } from "../elements/finding-row.js";
import { groupHeading, groupRow } from "../elements/group-row.js";
import "../elements/list-pager.js";
import "../elements/severities.js";
import { find, setText } from "../lib/dom.js";
import { counted, score } from "../lib/format.js";
import { exports } from "../progress/exports.js";

const LIMIT = 50;

/**
 * The list of findings, or of groups of them, with its filters. What is shown is in the URL, so that a view can be reloaded, sent and
 * gone back to. The cards of severities in it filter it as well.
 *
 * `data-fixed` has the filters of a host's, a definition's or a CVE's own list, as a query string.
 */
class FindingExplorer extends DataElement {
    #filters;
    #columns;
    #pager;
    #fixed;
    #query;

    connectedCallback() {
        this.#filters = find(this, "filter-bar");
        this.#columns = find(this, "column-choice");
        this.#pager = find(this, "list-pager");
        this.#fixed = Object.fromEntries(new URLSearchParams(this.dataset.fixed));
        this.#readUrl();
        super.connectedCallback();
        this.listen(window, "popstate", () => {
            this.#readUrl();
            this.load();
        });
        this.listen(this, "click", (event) => this.#onClick(event.target));
        this.listen(this.#filters, "filter", ({ detail }) => this.#change(detail.changes, detail.replaces ? "replaceState" : "pushState"));
        this.listen(this.#columns, "change", () => this.#columns.apply(this));
        this.listen(this.#pager, "page", ({ detail }) => this.#change(detail));
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
            this.#change({ page: pagination.pages }, "replaceState"); // the list has become shorter than the URL says
            return;
        }
        const { group } = this.#query;
        for (const table of this.querySelectorAll("[data-table]")) {
            table.hidden = (table.dataset.table === "finding") !== (group === "finding");
        }
        if (group === "finding") {
            const template = find(this, "[data-finding-template]");
            find(this, "[data-findings-list]").replaceChildren(...data.map((finding) => findingRow(template, finding)));
            this.#columns.apply(this);
        } else {
            const template = find(this, "[data-group-template]");
            setText(find(this, "[data-group-heading] button span"), groupHeading(group));
            find(this, "[data-groups-list]").replaceChildren(...data.map((each) => groupRow(template, group, each)));
        }
        setText(find(this, "[data-totals]"), totals.findings > 0 ? `${counted(totals.findings, "finding")} · VPR sum ${score(totals.vprSum)}` : "");
        this.#filters.showInUse({ ...filters }, this.#query);
        this.#pager.show(pagination);
        this.showView(pagination.total > 0 ? "list" : isFiltered(this.#query) ? "unmatched" : "empty");
    }

    showError(error) {
        super.showError(error);
        this.#pager.hidden = true;
    }

    showView(view) {
        find(this, "[data-explorer]").dataset.view = view;
        for (const list of this.#lists) list.removeAttribute("aria-busy");
    }

    get #lists() {
        return this.querySelectorAll("[data-findings-list], [data-groups-list]");
    }

    #onClick(target) {
        const { sort, group } = target.closest("[data-sort], button[data-group]")?.dataset ?? {};
        const severity = target.closest("button[data-stat]")?.dataset.stat;
        const finding = target.closest("[data-open-finding]")?.closest("[data-finding-id]").dataset.findingId;
        if (sort) this.#sortBy(sort);
        else if (group) this.#change({ group, sort: "", order: "desc" });
        else if (severity) this.#change({ severity: this.#query.severity === severity ? "" : severity });
        else if (finding) find(this, "finding-panel").open(finding);
        else if (target.closest("[data-export]")) this.#export(target.closest("[data-export]"));
        else if (target.closest("[data-filter-reset]")) this.#change(unfiltered(this.#query));
    }

    #readUrl() {
        this.#query = queryFromUrl(location.search);
        this.#showQuery();
    }

    /** Any change but that of the page begins at the first page. */
    #change(changes, method = "pushState") {
        this.#query = { ...this.#query, page: 1, cursor: "", ...changes };
        history[method](null, "", location.pathname + urlFromQuery(this.#query));
        this.#showQuery();
        this.load();
    }

    #sortBy(sort) {
        const order = this.#sort === sort && this.#query.order === "desc" ? "asc" : "desc";
        this.#change({ sort, order });
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
        const columns = "exportShown" in link.dataset ? this.#columns.shown() : "";
        return exportFromQuery(this.#query, link.dataset.export, this.#fixed, columns, "exportEvidence" in link.dataset);
    }

    #showQuery() {
        const { severity, order, group } = this.#query;
        this.#filters.show(this.#query);
        for (const card of this.querySelectorAll("button[data-stat]")) {
            card.setAttribute("aria-pressed", String(card.dataset.stat === severity));
        }
        for (const button of this.querySelectorAll("[data-sort]")) {
            const sorted = button.dataset.sort === this.#sort ? (order === "asc" ? "ascending" : "descending") : "none";
            button.closest("th").setAttribute("aria-sort", sorted);
        }
        for (const button of this.querySelectorAll("button[data-group]")) {
            button.setAttribute("aria-pressed", String(button.dataset.group === group));
        }
        this.#columns.hidden = group !== "finding"; // groups have columns of their own
        for (const link of this.querySelectorAll("[data-export]")) link.href = this.#exportPath(link);
    }
}

customElements.define("finding-explorer", FindingExplorer);
