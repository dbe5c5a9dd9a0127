/**
 * Numbers, sizes and times as text. Pure. The pages are in English, so the words and the grouping are too, whatever the
 * browser's language; instants are in the reader's time zone. Missing values become a dash.
 */

const LOCALE = "en-GB"; // day before month, and 24 hours, which are clear everywhere
const NONE = "–";
const BYTE_UNITS = ["B", "kB", "MB", "GB", "TB"];
const RELATIVE_UNITS = [
    ["day", 86_400],
    ["hour", 3_600],
    ["minute", 60],
];

const integers = new Intl.NumberFormat(LOCALE, { maximumFractionDigits: 0 });
const tenths = new Intl.NumberFormat(LOCALE, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const halves = new Intl.NumberFormat(LOCALE, { maximumFractionDigits: 1 });
const compact = new Intl.NumberFormat("en-US", { notation: "compact", maximumSignificantDigits: 3 }); // `1M`; British English writes `1m`
const relative = new Intl.RelativeTimeFormat(LOCALE, { numeric: "auto" });

const isNumber = (value) => typeof value === "number" && Number.isFinite(value);

/**
 * `9850` as `9,850`.
 * @param {number | null | undefined} value
 */
export function count(value) {
    return isNumber(value) ? integers.format(value) : NONE;
}

/**
 * `1250000` as `1.25m`, for where there is little room.
 * @param {number | null | undefined} value
 */
export function roughly(value) {
    return isNumber(value) ? compact.format(value) : NONE;
}

/**
 * A score such as VPR or CVSS with one decimal.
 * @param {number | null | undefined} value
 */
export function score(value) {
    return isNumber(value) ? tenths.format(value) : NONE;
}

/**
 * `1 row`, `2 rows`.
 * @param {number} value
 * @param {string} noun in the singular
 */
export function counted(value, noun) {
    return `${count(value)} ${noun}${value === 1 ? "" : "s"}`;
}

/**
 * `1 day`, `12.5 days`: a median may lie between two days.
 * @param {number | null | undefined} value
 */
export function days(value) {
    return isNumber(value) ? `${halves.format(value)} ${value === 1 ? "day" : "days"}` : NONE;
}

/**
 * Decimal units, as file managers and network meters show them: `256646` as `257 kB`.
 * @param {number | null | undefined} value
 */
export function bytes(value) {
    if (!isNumber(value)) return NONE;
    let unit = 0;
    while (value >= 999.5 && unit < BYTE_UNITS.length - 1) {
        value /= 1000;
        unit += 1;
    }
    return `${unit > 1 && value < 99.95 ? tenths.format(value) : integers.format(value)} ${BYTE_UNITS[unit]}`;
}

/**
 * `800` as `0.8 s`, `95000` as `1 min 35 s`.
 * @param {number | null | undefined} ms
 */
export function duration(ms) {
    if (!isNumber(ms)) return NONE;
    if (ms < 9_950) return `${tenths.format(ms / 1000)} s`;
    const seconds = Math.round(ms / 1000);
    if (seconds < 60) return `${seconds} s`;
    if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
    const minutes = Math.round(seconds / 60);
    return `${integers.format(Math.floor(minutes / 60))} h ${minutes % 60} min`;
}

/**
 * An instant in full, in the reader's zone and with its name.
 * @param {number | null | undefined} ms since the epoch
 * @param {string} [timeZone] the reader's by default
 */
export function instant(ms, timeZone) {
    if (!isNumber(ms)) return NONE;
    const options = { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit" };
    return new Intl.DateTimeFormat(LOCALE, { ...options, timeZoneName: "short", timeZone }).format(ms);
}

/**
 * How long ago an instant was; the date if that is more than a month.
 * @param {number | null | undefined} ms since the epoch
 * @param {number} [now]
 * @param {string} [timeZone] the reader's by default
 */
export function ago(ms, now = Date.now(), timeZone = undefined) {
    if (!isNumber(ms)) return NONE;
    const seconds = Math.round((now - ms) / 1000);
    if (seconds < 45) return "just now"; // also if the user's clock is a little behind
    if (seconds > 30 * 86_400) {
        return new Intl.DateTimeFormat(LOCALE, { day: "numeric", month: "short", year: "numeric", timeZone }).format(ms);
    }
    const [unit, size] = RELATIVE_UNITS.find(([, size]) => seconds >= size) ?? RELATIVE_UNITS.at(-1);
    return relative.format(-Math.round(seconds / size), unit);
}
