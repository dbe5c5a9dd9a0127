import { ColumnChoice } from "./column-choice.js";
import { FilterBar } from "./filter-bar.js";
import { FindingPanel } from "./finding-panel.js";
import { findingRow } from "./finding-row.js";
import { groupHeading, groupRow } from "./group-row.js";
import { request } from "./shared/api.js";
import { find, setText } from "./shared/dom.js";
import { count } from "./shared/format.js";
import { Pager } from "./shared/pager.js";
import { exportFromQuery, isFiltered, queryFromUrl, requestFromQuery, unfiltered, urlFromQuery } from "./vulnerabilities-query.js";

const LIMIT = 50;

/**
 * The list of findings, or of groups of them, with its filters. What is shown is in the URL, so a view can be reloaded, sent and gone
 * back to. Cards of severities beside it filter it as well.
 */
export class Explorer {
    #element;
    #section;
    #fixed;
    #runs;
    #exports;
    #parts;
    #pager;
    #bar;
    #columns;
    #panel;
    #query;
    #requests = null;
    #refresh = () => this.#load();
    #onHistory = () => this.#readUrl();
    #onClick = (event) => {
        const { target } = event;
        const { sort, group } = target.closest("[data-sort], [data-group]")?.dataset ?? {};
        const severity = target.closest("button[data-stat]")?.dataset.stat;
        const finding = target.closest("[data-open-finding]")?.closest("[data-finding-id]").dataset.findingId;
        if (sort) this.#sortBy(sort);
        else if (group) this.#change({ group });
        else if (severity) this.#change({ severity: this.#query.severity === severity ? "" : severity });
        else if (finding) this.#panel.open(finding);
        else if (target.closest("[data-export]")) this.#export(target.closest("[data-export]"));
        else if (target.closest("[data-filter-reset]")) this.#change(unfiltered(this.#query));
    };

    /**
     * @param {HTMLElement} element with the explorer and, maybe, the cards of severities
     * @param {{runs: import("./shared/import-runs.js").ImportRuns, exports: import("./shared/export-runs.js").ExportRuns}} page
     */
    constructor(element, { runs, exports }) {
        this.#element = element;
        this.#section = find(element, "[data-explorer]");
        this.#fixed = Object.fromEntries(new URLSearchParams(this.#section.dataset.fixed));
        this.#runs = runs;
        this.#exports = exports;
        const selectors = {
            findings: "[data-vulnerabilities-list]", groups: "[data-groups-list]", findingTemplate: "[data-finding-template]",
            groupTemplate: "[data-group-template]", trouble: "[data-trouble]", partly: "[data-partly]", heading: "[data-group-heading]",
        };
        this.#parts = Object.fromEntries(Object.entries(selectors).map(([name, selector]) => [name, find(this.#section, selector)]));
        this.#pager = new Pager(find(this.#section, "[data-pager]"), (page) => this.#change({ page }));
        this.#bar = new FilterBar(this.#section, this.#fixed, (changes, method) => this.#change(changes, method));
        this.#columns = new ColumnChoice(this.#section);
        this.#panel = new FindingPanel(find(this.#section, "[data-finding-panel]"));
    }

    start() {
        this.#listen("addEventListener");
        for (const part of [this.#pager, this.#bar, this.#columns, this.#panel]) part.start();
        this.#readUrl();
    }

    stop() {
        this.#listen("removeEventListener");
        for (const part of [this.#pager, this.#bar, this.#columns, this.#panel]) part.stop();
        this.#requests?.abort();
    }

    #listen(method) {
        this.#runs[method]("progressed", this.#refresh);
        window[method]("popstate", this.#onHistory);
        this.#element[method]("click", this.#onClick);
    }

    #readUrl() {
        this.#query = queryFromUrl(location.search);
        this.#showQuery();
        this.#load();
    }

    /** Any change but that of the page begins at the first page. */
    #change(changes, method = "pushState") {
        this.#query = { ...this.#query, page: 1, ...changes };
        history[method](null, "", location.pathname + urlFromQuery(this.#query));
        this.#showQuery();
        this.#load();
    }

    /** The link is followed as it is then; it names its session. */
    #export(link) {
        link.href = this.#exports.begin(exportFromQuery(this.#query, link.dataset.export, this.#fixed, "exportEvidence" in link.dataset));
    }

    #sortBy(sort) {
        const order = this.#query.sort === sort && this.#query.order === "desc" ? "asc" : "desc";
        this.#change({ sort, order });
    }

    #showQuery() {
        const { severity, sort, order, group } = this.#query;
        this.#bar.show(this.#query);
        for (const card of this.#element.querySelectorAll("button[data-stat]")) {
            card.setAttribute("aria-pressed", String(card.dataset.stat === severity));
        }
        for (const button of this.#section.querySelectorAll("[data-sort]")) {
            const sorted = button.dataset.sort === sort ? (order === "asc" ? "ascending" : "descending") : "none";
            button.closest("th").setAttribute("aria-sort", sorted);
        }
        for (const button of this.#section.querySelectorAll("[data-group]")) {
            button.setAttribute("aria-pressed", String(button.dataset.group === group));
        }
        find(this.#section, "[data-columns-menu]").hidden = group !== "finding"; // groups have columns of their own
        for (const link of this.#section.querySelectorAll("[data-export]")) {
            link.href = exportFromQuery(this.#query, link.dataset.export, this.#fixed, "exportEvidence" in link.dataset);
        }
    }

    async #load() {
        this.#requests?.abort(); // only the newest answer counts
        this.#requests = new AbortController();
        const { group } = this.#query;
        for (const list of [this.#parts.findings, this.#parts.groups]) list.setAttribute("aria-busy", "true");
        try {
            this.#show(group, await request(requestFromQuery(this.#query, LIMIT, this.#fixed), { signal: this.#requests.signal }));
        } catch (error) {
            if (error.name === "AbortError") return;
            this.#section.dataset.view = "trouble";
            setText(this.#parts.trouble, error.message);
            this.#pager.hide();
        }
        for (const list of [this.#parts.findings, this.#parts.groups]) list.removeAttribute("aria-busy");
    }

    #show(group, { data, pagination }) {
        if (data.length === 0 && pagination.total > 0 && this.#query.page > 1) {
            this.#change({ page: pagination.pages }, "replaceState"); // the list has become shorter than the URL thinks
            return;
        }
        for (const table of this.#section.querySelectorAll("[data-table]")) {
            table.hidden = (table.dataset.table === "finding") !== (group === "finding");
        }
        if (group === "finding") {
            this.#parts.findings.replaceChildren(...data.map((finding) => findingRow(this.#parts.findingTemplate, finding)));
            this.#columns.apply();
        } else {
            setText(this.#parts.heading, groupHeading(group));
            this.#parts.groups.replaceChildren(...data.map((each) => groupRow(this.#parts.groupTemplate, group, each)));
        }
        this.#parts.partly.hidden = pagination.totalExact !== false;
        setText(this.#parts.partly, `More than ${count(pagination.total - 1)} findings match; these pages show ${count(pagination.pages * LIMIT)} of them. Limit the list to see them all.`);
        this.#pager.render(pagination);
        this.#section.dataset.view = pagination.total > 0 ? "list" : isFiltered(this.#query) ? "unmatched" : "empty";
    }
}
