#!/bin/sh
# Stands in for npm or yarn: notes how it is called, which tarballs are locked then and what
# is for development, and cannot have what is of version 9.0.0: it says so in the words of npm
# where it is called with `ci`, and else in those of yarn 1, or of later ones where the lock file is one of theirs
# (yarn 2, whose cache has the key 7, says no name). What it is to install by its lock file
# alone may be nothing that no lock file has, as `unlocked`. It notes too where it finds what a call
# before left half done.
[ -e node_modules/half ] && echo 'over what was left' >>calls
mkdir -p node_modules/half
{
  echo "call $*"
  grep -h -o -E '[a-z]+-[0-9.]+tgz' package-lock.json yarn.lock 2>/dev/null
  grep -h -o -E '^  .?/?[@a-z/]+[@/][0-9.]+' pnpm-lock.yaml 2>/dev/null
  grep -o -E '"dev-[a-z]+"' package.json
  grep -h -s -E '^    "dev-[a-z]+" ' yarn.lock
  grep -h -s -o -E '(integrity: [a-z0-9-]+, )?tarball: .*/[a-z]+-[0-9.]+tgz}' pnpm-lock.yaml | sed -e 's|http.*/npm/||'
  grep -h -s -o -E '"lacking": "[^"]+"' package.json below/package.json
} >>calls
if grep -q '"unlocked"' package.json; then
  case "$*" in
    ci*)
      echo 'npm error `npm ci` can only install packages when your package.json and package-lock.json or npm-shrinkwrap.json are in sync.' >&2
      exit 1
      ;;
    *--frozen-lockfile*)
      echo 'error Your lockfile needs to be updated, but yarn was run with `--frozen-lockfile`.' >&2
      exit 1
      ;;
    *' --immutable'*)
      echo '➤ YN0028: │ The lockfile would have been modified by this install, which is explicitly forbidden.'
      exit 1
      ;;
  esac
fi
if grep -qs '"lacking": "[^0-9w]' package.json below/package.json; then
  case "$*" in
    # As npm 11 says it.
    *--force*) echo "npm error 404  The requested resource 'lacking@^0.2.2' could not be found or you do not have permission to access it." ;;
    ci* | *--no-save*) echo "npm error 404  'lacking@^0.2.2' is not in this registry." ;;
    *-lockfile*) echo "error Couldn't find package \"lacking\" on the \"npm\" registry." ;;
    *) echo '➤ YN0001: │ Error: lacking@npm:^0.2.2: No candidates found' ;;
  esac
  exit 1
fi
gone=$(grep -h -o -E '[a-z]+-9\.0\.0\.tgz' package-lock.json yarn.lock 2>/dev/null | head -n 1)
if [ -z "$gone" ] && grep -qs '@npm:9.0.0"' yarn.lock; then
  if grep -q 'cacheKey: 7' yarn.lock; then
    echo '➤ YN0001: │ HTTPError: Response code 404 (Not Found)'
    exit 1
  fi
  for name in $(grep -o -E '[a-z]+@npm:9' yarn.lock | cut -d@ -f1); do
    echo '➤ YN0035: │   Response Code: 404 (Not Found)'
    # As yarn 4 says it.
    [ "$name" = third ] && echo '➤ YN0035: │   Request Method: GET'
    echo "➤ YN0035: │   Request URL: http://127.0.0.1/npm/x/-/$name-9.0.0.tgz"
  done
  exit 1
fi
case $0 in
  */pnpm)
    grep -qs -E '[@/]9\.0\.0' pnpm-lock.yaml || exit 0
    grep -qs -E 'tarball: .*/-/other-9\.(0\.1|2\.0)\.tgz}' pnpm-lock.yaml && exit 0
    echo ' ERR_PNPM_FETCH_404  GET http://127.0.0.1/npm/@s%2fother/-/other-9.0.0.tgz: Not Found - 404'
    exit 1
    ;;
esac
[ -n "$gone" ] || exit 0
case $1 in
  ci)
    echo "npm error 404 Not Found - GET http://127.0.0.1/npm/x/-/$gone - Not found"
    echo "npm error 404  '${gone%%-*}@http://127.0.0.1/npm/x/-/$gone' is not in this registry."
    ;;
  *) echo "error http://127.0.0.1/npm/x/-/$gone: Request failed \"404 Not Found\"" ;;
esac >&2
exit 1
