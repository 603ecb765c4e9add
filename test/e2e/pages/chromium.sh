#!/bin/sh
# Starts the browser of $PTB_CHROMIUM for Playwright, without the popup below the address bar. Chromium loads it for each
# window, also without a screen, which takes more processor time than a test. It also starts no process in reserve, and
# none for each site, because the start of one takes as long as a page. Playwright passes its own list of features to leave
# out, and only the last list on the command line counts, so this adds to it.
more=WebUIOmniboxPopup,WebUIOmniboxAimPopup,SpareRendererForSitePerProcess,IsolateOrigins,site-per-process
count=$#
while [ "$count" -gt 0 ]; do
  case $1 in
    --disable-features=*) set -- "$@" "$1,$more" ;;
    *) set -- "$@" "$1" ;;
  esac
  shift
  count=$((count - 1))
done
exec "$PTB_CHROMIUM" --disable-site-isolation-trials "$@"
