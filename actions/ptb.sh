# What the steps of both actions share: `ptb` of the version of the action, and the sign-in of the job.
set -eo pipefail

fail() {
  echo "::error::$1"
  exit 2
}

if [ -z "${ACTIONS_ID_TOKEN_REQUEST_URL:-}" ]; then
  fail "This job has no token of its own. Give it permissions: { id-token: write }."
fi

version=$(sed -n 's/^  "version": "\(.*\)",$/\1/p' "$GITHUB_ACTION_PATH/../../package.json")

ptb() {
  npx --yes --package="partner-token-broker@$version" -- ptb "$@"
}
