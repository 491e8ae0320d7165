# section_jobs.sh: jobs in background workers, on a server of their own; see jobs.sh.

section_jobs() { test/bench/jobs.sh "${server%/*}/jobs"; }
