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
if [ -z "$version" ]; then fail "The package.json of the action has no version."; fi

# Outside of the workspace: npm would obey an .npmrc there, and run what its node_modules has.
tools="$RUNNER_TEMP/ptb-$version"
if [ ! -e "$tools/node_modules/.bin/ptb" ]; then
  mkdir -p "$tools"
  (cd "$tools" && npm install --prefix . --loglevel=error --no-audit --no-fund --ignore-scripts "partner-token-broker@$version" > /dev/null)
fi

# A self-hosted runner may keep the sign-in of a person, which would come before that of the job.
unset PTB_TOKEN
export XDG_STATE_HOME="$tools/state"

ptb() {
  "$tools/node_modules/.bin/ptb" "$@"
}
