import { useEffect, useState } from 'preact/hooks';
import type { Route, View } from './route.ts';
import type { Session } from './session.ts';

const tabs: readonly (readonly [View, string])[] = [
  ['overview', 'Overview'],
  ['runs', 'Runs'],
  ['tenants', 'Tenants'],
  ['jobs', 'Jobs'],
  ['audit', 'Audit'],
];

export function Header(props: {
  readonly session: Session | undefined;
  readonly route: Route;
  readonly onForget: () => void;
}) {
  const { session, route, onForget } = props;
  return (
    <header class="top">
      <h1>
        <img src="assets/icon.svg" alt="" width="24" height="24" /> Partner Token Broker
      </h1>
      {session === undefined ? null : (
        <nav aria-label="Views">
          {tabs.map(([view, title]) => (
            <a key={view} href={`#/${view}`} aria-current={route.view === view ? 'page' : undefined}>
              {title}
            </a>
          ))}
        </nav>
      )}
      <div class="who">
        <a href="docs">API</a>
        {session === undefined ? null : (
          <>
            <span title={`Roles: ${session.roles.join(', ') || 'none'}`}>{session.name}</span>
            <TokenLife expiresAtMs={session.expiresAtMs} />
            <button type="button" onClick={onForget}>
              Forget token
            </button>
          </>
        )}
      </div>
    </header>
  );
}

const minuteMs = 60_000;

function TokenLife({ expiresAtMs }: { readonly expiresAtMs: number }) {
  const [nowMs, setNowMs] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNowMs(Date.now()), 15_000);
    return () => clearInterval(timer);
  }, []);
  const minutes = Math.max(0, Math.floor((expiresAtMs - nowMs) / minuteMs));
  return <span class={minutes < 5 ? 'badge warn' : 'quiet'}>{minutes} min left</span>;
}
