"""Makes the rules of the Prometheus operator from those of Prometheus: deploy/kubernetes/components/monitoring/rules.yaml.

Usage: python deploy/check/rules.py. Says whether the file is up to date; with LONGSHORE_BLESS=1 it writes it.
"""

import os
import sys
from pathlib import Path

DEPLOY = Path(__file__).resolve().parent.parent
MADE = DEPLOY / "kubernetes/components/monitoring/rules.yaml"
HEAD = """\
# Made from deploy/prometheus/rules; `LONGSHORE_BLESS=1 python3 deploy/check/rules.py` writes it anew.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: longshore
  namespace: longshore
spec:
  groups:
"""


def made():
    """The groups of all files, two columns further to the right; texts of several lines move with them."""
    lines = []
    for path in sorted((DEPLOY / "prometheus/rules").glob("*.yml")):
        _, _, groups = path.read_text().partition("\ngroups:\n")
        lines += [f"  {line}" if line else "" for line in groups.splitlines()]
    return HEAD + "\n".join(lines) + "\n"


def main():
    text = made()
    if "LONGSHORE_BLESS" in os.environ:
        MADE.write_text(text)
    if MADE.exists() and MADE.read_text() == text:
        return 0
    print(f"{MADE.relative_to(DEPLOY.parent)} is not what deploy/prometheus/rules says; run this with LONGSHORE_BLESS=1", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
