# shellcheck shell=bash disable=SC2034,SC2154 # variables of lib.sh and main/verify
# What all of it came to.

claim books 300 "after all of this the audit is clean, and so is the verdict with the shoppers' journals"
claim_books() {
  await_ready 120 || stop "the store is not ready"
  judge 90
}
