const byName = new Intl.Collator("en", { numeric: true }).compare;

/**
 * Files that were chosen together in the order in which they are imported: a scan after the one before it. What a file was last
 * written tells when it was exported; where that is the same, its name may.
 *
 * @param {File[]} files
 * @returns {File[]}
 */
export function oldestFirst(files) {
    return [...files].sort((one, other) => one.lastModified - other.lastModified || byName(one.name, other.name));
}
