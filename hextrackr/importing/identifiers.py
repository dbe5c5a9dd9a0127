"""The ids by which the world knows a vulnerability: CVEs, and the advisories of vendors where there is no CVE. Pure."""

from __future__ import annotations

CVE = r"(?i:CVE)-[0-9]{4}-[0-9]{2,}"
ADVISORY = "|".join(
    (
        r"\bcisco-sa-[0-9A-Za-z-]*[0-9A-Za-z]",
        r"\bGHSA(?:-[0-9a-z]{4}){3}",
        r"\bPAN-SA-[0-9]{4}-[0-9]{4}",
        r"\b(?:RH[SBE]A|ALSA|RLSA|(?:openSUSE|SUSE)-[SR]U)-[0-9]{4}:[0-9]+(?:-[0-9]+)?",
        r"\b(?:ELSA|ALAS[0-9A-Z]*|GLSA|VMSA|PYSEC|RUSTSEC|GO|ICSA|ZDI|FG-IR)-[0-9]{2,6}-[0-9]+(?:[.-][0-9]+)?",
        r"\b(?:DSA|DLA|USN)-[0-9]{2,}-[0-9]+",
        r"\bTEMP-[0-9]{7}-[0-9A-F]{6}",
        r"\bMS[0-9]{2}-[0-9]{3}\b",
    )
)
#: What counts where a field is said to hold CVE ids: feeds without CVEs have their advisories there.
ANY = f"{CVE}|{ADVISORY}"
#: The same in a text in capitals.
ANY_UPPER = f"(?i:{ANY})"
