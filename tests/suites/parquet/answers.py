"""What every engine is asked, in one form, so that answers can be compared."""

import hashlib

MASTERS = "system:masters"
DECISION = "authorization.k8s.io/decision"


def of_lines(lines):
    """One hash for all lines, whatever their order."""
    each = sorted(hashlib.sha256(bytes(line)).hexdigest() for line in lines)
    return hashlib.sha256("\n".join(each).encode()).hexdigest()


def told(columns, counts, hours, total, masters, forbidden, first, lines):
    return {
        "columns": columns,
        "counts": sorted(([verb, code, n] for verb, code, n in counts), key=str),
        "hours": sorted([str(date), int(hour), n] for date, hour, n in hours),
        "bytes": int(total),
        "masters": masters,
        "forbidden": forbidden,
        "first_us": int(first),
        "lines": of_lines(lines),
    }


def statements(path):
    """Each statement of the file, without comments; none has a semicolon within."""
    text = "\n".join(line for line in open(path) if not line.startswith("--"))
    return [statement.strip() for statement in text.split(";") if statement.strip()]
