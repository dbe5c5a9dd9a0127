import { writtenDay, writtenDays } from "../elements/chart-days.js";
import { DataElement } from "../elements/data-element.js";
import { groupRow } from "../elements/group-row.js";
import { definitionPage, hostPage, importPage, listOf } from "../elements/links.js";
import "../elements/severities.js";
import "../elements/source-list.js";
import "../elements/trend.js";
import { copyOf, find, linkTo, setText, showTime } from "../lib/dom.js";
import { count, counted, days, instant } from "../lib/format.js";
import { local } from "../lib/storage.js";
import { STATES, shownState } from "../progress/import-texts.js";

const CHANGES = [["opened", "inserted"], ["reopened", "reopened"], ["resolved", "resolved"]];
const DAY_MS = 24 * 3_600_000;
const PERIOD_KEY = "hextrackr_changes_of";
/** Who is away for so long and comes back makes another visit. */
const VISIT_ENDS_MS = 30 * 60_000;

/**
 * When the user last visited the dashboard, and which import was the latest then. Stored in the browser, for each user.
 *
 * @typedef {{at: number, imported: number}} Visit
 */
class Visits {
    #key;

    /** @param {string} user whose visits these are; empty where nobody signs in */
    constructor(user) {
        this.#key = `hextrackr_visit_${user}`;
    }

    /** @returns {Visit | null} the visit before this one; null on the first */
    get before() {
        const { last = null, before = null } = local.json(this.#key, {});
        return last && Date.now() - last.at > VISIT_ENDS_MS ? last : before;
    }

    /** @param {number} imported when the newest import that the reader sees was finished */
    see(imported) {
        local.put(this.#key, { before: this.before, last: { at: Date.now(), imported } });
    }
}

/** What the scans of the last days changed, or what was imported since the visit before this one; each figure leads to what it counts. */
class LastChanges extends DataElement {
    #visits;
    #period;

    connectedCallback() {
        this.#visits = new Visits(this.dataset.user);
        this.#period = find(this, "[data-change-period]");
        find(this.#period, '[value="visit"]').disabled = this.#visits.before === null;
        const chosen = local.json(PERIOD_KEY, "7");
        if (this.#period.querySelector(`[value="${CSS.escape(chosen)}"]:enabled`)) this.#period.value = chosen;
        super.connectedCallback();
        this.listen(this.#period, "change", () => {
            local.put(PERIOD_KEY, this.#period.value);
            this.load();
        });
    }

    get path() {
        if (this.#period.value === "visit") return `/api/changes?importedAfter=${this.#visits.before.imported}`;
        return `/api/changes?days=${this.#period.value}`;
    }

    show(changes) {
        const { firstScans, lastScan, lastImported, from, to } = changes;
        this.#visits.see(lastImported ?? 0);
        for (const [kind] of CHANGES) this.#showFigure(kind, changes[kind], changes.scannedBefore);
        const { before } = this.#visits;
        const wasScanned = from === null ? lastImported !== before?.imported : lastScan >= from;
        setText(find(this, "[data-change-days]"), from === null ? `Imports since ${instant(before?.at)}` : `Scans of ${writtenDays(from, to)}`);
        find(this, "[data-change-note]").replaceChildren(...(wasScanned || lastScan === null ? firstScansOf(firstScans) : noScan(lastScan)));
        this.showView(lastScan === null ? "empty" : "list");
    }

    #showFigure(kind, { findings, bySeverity, before, filters }, scannedBefore) {
        const tile = find(this, `[data-change="${kind}"]`);
        const link = find(tile, "[data-change-link]");
        const against = before === null ? "" : compared(findings, before, scannedBefore, this.#period.value);
        link.href = changesList(filters);
        link.setAttribute("aria-label", [`${link.textContent}: ${count(findings)}`, against].filter(Boolean).join(", "));
        setText(find(tile, "[data-change-count]"), count(findings));
        setText(find(tile, "[data-change-worst]"), worst(bySeverity));
        setText(find(tile, "[data-change-against]"), against);
    }
}

const changesList = (filters) => listOf({ state: "all", ...filters });

/** What was there before anybody looked is no news. */
function firstScansOf({ findings, sources, filters }) {
    if (findings === 0) return ["No source was scanned for the first time."];
    const scanned = sources === 1 ? "a source scanned" : `${count(sources)} sources scanned`;
    return [linkTo(changesList(filters), `${counted(findings, "finding")} of ${scanned} for the first time`)];
}

/** Where nothing was scanned it says nothing that nothing is new. */
function noScan(lastScan) {
    return ["There was no scan. The latest was on ", linkTo(changesList({ changedFrom: lastScan, changedTo: lastScan }), writtenDay(lastScan)), "."];
}

/** @returns {string} such as `4 fewer than in the previous 7 days` */
function compared(now, before, scannedBefore, days) {
    if (!scannedBefore) return `no scan in the previous ${days} days`;
    if (now === 0 && before === 0) return `none in the previous ${days} days either`;
    if (now === before) return `as many as in the previous ${days} days`;
    return `${count(Math.abs(now - before))} ${now > before ? "more" : "fewer"} than in the previous ${days} days`;
}

/** @returns {string} such as `1 critical, 3 high`, of those there are */
function worst(bySeverity) {
    const worse = ["critical", "high"].filter((severity) => bySeverity[severity] > 0);
    return worse.map((severity) => `${count(bySeverity[severity])} ${severity}`).join(", ");
}

/** How many criticals have been open for too long, and the median time to resolve of each severity. */
class ResponseTimes extends DataElement {
    show({ overdue, timeToResolve }) {
        const late = find(this, "[data-overdue]");
        late.dataset.none = overdue.findings === 0;
        setText(find(late, "[data-overdue-days]"), counted(overdue.days, "day"));
        setText(find(late, "[data-time-value]"), count(overdue.findings));
        find(late, "[data-time-value]").href = listOf(overdue.filters);
        const within = counted(Math.round((Date.parse(timeToResolve.to) - Date.parse(timeToResolve.from)) / DAY_MS) + 1, "day");
        for (const [severity, { findings, medianDays, filters }] of Object.entries(timeToResolve.bySeverity)) {
            const cell = find(this, `[data-time="${severity}"]`);
            setText(find(cell, "[data-time-value]"), days(medianDays));
            const of = find(cell, "[data-time-of]");
            setText(of, findings === 0 ? `none resolved in ${within}` : `of ${count(findings)} resolved`);
            if (findings === 0) of.removeAttribute("href");
            else of.href = listOf(filters);
        }
        this.showView("list");
    }
}

/** The hosts or definitions that weigh most. */
class WorstList extends DataElement {
    show({ data }) {
        const template = find(this, "template");
        const largest = Math.max(...data.map(({ findings }) => findings));
        this.showList("[data-worst-rows]", data.map((group) => groupRow(template, this.dataset.by, group, largest)));
    }
}

/** The critical findings that have been open for longest. */
class OldestList extends DataElement {
    show({ data }) {
        const template = find(this, "template");
        this.showList("[data-oldest-rows]", data.map((finding) => oldestRow(template, finding)));
    }
}

function oldestRow(template, finding) {
    const row = copyOf(template);
    const host = find(row, "[data-oldest-host]");
    host.href = hostPage(finding.hostId);
    setText(host, finding.host);
    const title = find(row, "[data-oldest-title]");
    title.href = definitionPage(finding.definitionId);
    setText(title, finding.title || "–");
    const age = Math.max(0, Math.floor((Date.now() - Date.parse(finding.firstSeen)) / 86_400_000));
    setText(find(row, "[data-oldest-age]"), counted(age, "day"));
    setText(find(row, "[data-oldest-since]"), `since ${finding.firstSeen}`);
    return row;
}

/** The last imports with their figures. */
class LatestImports extends DataElement {
    show({ data }) {
        const template = find(this, "template");
        this.showList("[data-latest-rows]", data.map((importData) => latestRow(template, importData)));
    }
}

/** Each text with a dot behind it. */
const followed = (...texts) => texts.filter(Boolean).map((text) => `${text} · `).join("");

function latestRow(template, importData) {
    const row = copyOf(template);
    const name = find(row, "[data-latest-name]");
    name.href = importPage(importData.importId);
    setText(name, importData.filename);
    setText(find(row, "[data-latest-origin]"), followed(importData.scannerName, importData.source));
    setText(find(row, "[data-latest-day]"), followed(importData.scanDate));
    const completed = importData.state === "completed" && importData.undoneAt === null;
    find(row, "[data-latest-figures]").hidden = !completed;
    for (const [kind, figure] of CHANGES) {
        const link = find(row, `[data-latest="${kind}"]`);
        link.href = listOf({ state: "all", changedBy: importData.importId, change: kind });
        setText(find(link, "[data-latest-count]"), count(importData[figure]));
        link.dataset.zero = importData[figure] === 0;
    }
    const state = find(row, "[data-latest-state]");
    state.hidden = shownState(importData) === "completed";
    state.dataset.state = shownState(importData);
    setText(state, STATES[shownState(importData)]);
    showTime(find(row, "time"), importData.createdAt);
    return row;
}

customElements.define("last-changes", LastChanges);
customElements.define("response-times", ResponseTimes);
customElements.define("worst-list", WorstList);
customElements.define("oldest-list", OldestList);
customElements.define("latest-imports", LatestImports);
