import { count, counted } from "./format.js";

/**
 * What an import asks, and what it could not do, as sentences; of its record or of a snapshot's metadata. Pure.
 */

/**
 * @param {{preview: boolean, wouldResolve: number, openBefore: number}} told of an import that awaits confirmation
 * @returns {string}
 */
export function question({ preview, wouldResolve, openBefore }) {
    if (preview) return "Nothing is changed yet. This is what the import would do.";
    return `This import would resolve ${count(wouldResolve)} of ${counted(openBefore, "open finding")} of this source.`;
}

/**
 * @param {{preview: boolean, guard?: {sentence: string}[]}} told of an import that awaits confirmation
 * @returns {string[]} why it asks; of a preview, which somebody wanted, only what it would ask about in any case
 */
export function reasons({ preview, guard }) {
    if (guard?.length > 0) return guard.map(({ sentence }) => sentence);
    return preview ? [] : ["That is unusually many."];
}

/**
 * @param {{rejected?: number, summary?: {unchecked?: number}}} told of a completed import
 * @returns {string} which rows and findings it could not deal with; empty if there are none
 */
export function leftOut({ rejected = 0, summary }) {
    const unchecked = summary?.unchecked ?? 0;
    const [were, them] = unchecked === 1 ? ["was", "it"] : ["were", "them"];
    return [
        rejected > 0 && `${counted(rejected, "row")} ${rejected === 1 ? "was" : "were"} rejected and not imported.`,
        unchecked > 0 && `${counted(unchecked, "open finding")} ${were} left open: the rows about ${them} could not be read or gave no verdict.`,
    ]
        .filter(Boolean)
        .join(" ");
}
