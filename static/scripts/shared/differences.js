import { counted } from "./format.js";

/**
 * The hosts and CVEs that came and went, in one sentence; empty if none did.
 *
 * @param {object | undefined} summary of an import
 */
export function differences(summary) {
    const parts = [
        ["host", summary?.hosts],
        ["CVE", summary?.cves],
    ].flatMap(([noun, change]) => [
        change?.new.count ? `${counted(change.new.count, noun)} new` : "",
        change?.gone.count ? `${counted(change.gone.count, noun)} gone` : "",
    ]);
    return parts.filter(Boolean).join(", ");
}
