/**
 * Days on the axis of a chart, in seconds since the epoch. Pure.
 */

export const DAY = 86_400;

const days = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });
const wholeDays = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });
const months = new Intl.DateTimeFormat("en-GB", { month: "short", timeZone: "UTC" });
const wholeMonths = new Intl.DateTimeFormat("en-GB", { month: "long", year: "numeric", timeZone: "UTC" });

/**
 * @param {string} day such as `2026-08-20`, or a month such as `2026-08`, which means its first day
 * @returns {number}
 */
export const secondsOf = (day) => Date.parse(`${day.length === 7 ? `${day}-01` : day}T00:00:00Z`) / 1000;

/** @param {number} seconds @returns {string} such as `2026-08-20` */
export const dayOf = (seconds) => new Date(seconds * 1000).toISOString().slice(0, 10);

/** @param {string} day @returns {string} such as `20 Aug 2026` */
export const writtenDay = (day) => wholeDays.format(secondsOf(day) * 1000);

/** @param {string} first @param {string} last @returns {string} such as `14–20 Aug 2026` */
export const writtenDays = (first, last) => wholeDays.formatRange(secondsOf(first) * 1000, secondsOf(last) * 1000);

/** @param {string} month such as `2026-08` @returns {string} such as `August 2026` */
export const writtenMonth = (month) => wholeMonths.format(secondsOf(month) * 1000);

/**
 * The labels of an axis: `5 Oct`, or `Oct` if each mark is a month. The first mark of each year has the year in a second line, unless all
 * marks are in the current year.
 *
 * @param {number[]} marks in seconds; a mark between two days gets no label
 * @param {{byMonth?: boolean, thisYear?: number}} [options]
 * @returns {string[]}
 */
export function axisLabels(marks, { byMonth = false, thisYear = new Date().getUTCFullYear() } = {}) {
    const yearOf = (seconds) => new Date(seconds * 1000).getUTCFullYear();
    const allOfThisYear = marks.every((seconds) => yearOf(seconds) === thisYear);
    let year = allOfThisYear ? thisYear : null;
    return marks.map((seconds) => {
        if (seconds % DAY !== 0 || (byMonth && new Date(seconds * 1000).getUTCDate() !== 1)) return "";
        const label = (byMonth ? months : days).format(seconds * 1000);
        if (yearOf(seconds) === year) return label;
        year = yearOf(seconds);
        return `${label}\n${year}`;
    });
}

/**
 * The entries to draw for days with a scan: the result of a scan is drawn until the next scan or the end of today, but at most for a number
 * of days. If it ends earlier, an entry without a point makes a gap.
 *
 * @template {{day: string}} Point
 * @param {Point[]} points oldest first
 * @param {number} standsFor days
 * @param {string} today
 * @returns {{seconds: number, point: Point | null}[]}
 */
export function withGaps(points, standsFor, today) {
    const over = secondsOf(today) + DAY;
    return points.flatMap((point, index) => {
        const seconds = secondsOf(point.day);
        const end = seconds + standsFor * DAY;
        const isLast = index === points.length - 1;
        const next = isLast ? Math.max(over, seconds + DAY) : secondsOf(points[index + 1].day);
        const last = isLast ? [{ seconds: next, point: end < next ? null : point }] : [];
        if (end < next) return [{ seconds, point }, { seconds: end, point }, { seconds: end + 1, point: null }, ...last];
        return [{ seconds, point }, ...last];
    });
}
