import { useRef } from 'preact/hooks';
import { apiUrl } from '../shared/api-base.ts';
import { Notice } from '../shared/text.tsx';
import { unreachable } from './api-failure.ts';
import { usePolling } from './polling.ts';

const intervalMs = 60_000;

/** The broker names each version of the script of this page. */
async function versionNow(): Promise<string> {
  // The browser asks whether its copy is current, so that the script is sent only if it has changed.
  const answer = await fetch(apiUrl('assets/dashboard.js'), { cache: 'no-cache' }).catch(() => undefined);
  await answer?.body?.cancel();
  const version = answer?.ok === true ? answer.headers.get('etag') : null;
  if (version === null) throw unreachable();
  return version;
}

/** Says that the broker has another version than the one that this page came from. What is shown stays. */
export function NewVersion() {
  const { value } = usePolling(versionNow, 'version', intervalMs);
  const first = useRef<string>(undefined);
  first.current ??= value;
  if (value === first.current) return null;
  return (
    <Notice
      kind="you"
      actions={
        <button type="button" onClick={() => location.reload()}>
          Load the page again
        </button>
      }
    >
      <strong>The broker was updated.</strong> This page is of the version before, and shows what it had.
    </Notice>
  );
}
