import { useContext, useEffect, useState } from 'preact/hooks';
import type { Route, View } from './route.ts';
import type { SignInState } from './use-sign-in.ts';
import { WaitingContext } from './waiting.tsx';

const tabs: readonly (readonly [View, string])[] = [
  ['overview', 'Overview'],
  ['runs', 'Runs'],
  ['tenants', 'Tenants'],
  ['events', 'Events'],
  ['jobs', 'Jobs'],
  ['approvals', 'Approvals'],
  ['audit', 'Audit'],
];

export function Header(props: {
  readonly signedIn: Extract<SignInState, { kind: 'signed-in' }> | undefined;
  readonly route: Route;
  readonly onSignOut: () => void;
}) {
  const { signedIn, route, onSignOut } = props;
  return (
    <header class="top">
      <h1>
        <img src="assets/icon.svg" alt="" width="24" height="24" /> Partner Token Broker
      </h1>
      {signedIn === undefined ? null : (
        <nav aria-label="Views">
          {tabs.map(([view, title]) => (
            <a key={view} href={`#/${view}`} aria-current={route.view === view ? 'page' : undefined}>
              {title}
              {view === 'approvals' ? <WaitingCount /> : null}
            </a>
          ))}
        </nav>
      )}
      <div class="who">
        <a href="docs">API</a>
        {signedIn === undefined ? null : <Person signedIn={signedIn} onSignOut={onSignOut} />}
      </div>
    </header>
  );
}

/** How many requests wait for the decision of the person. */
function WaitingCount() {
  const waiting = useContext(WaitingContext);
  if (waiting === undefined || waiting.count === 0) return null;
  const { count, isAll } = waiting;
  return (
    <span class="count">
      <span class="visually-hidden"> (</span>
      {count.toLocaleString('en')}
      {isAll ? '' : '+'}
      <span class="visually-hidden"> {count === 1 ? 'waits' : 'wait'} for your decision)</span>
    </span>
  );
}

function Person(props: {
  readonly signedIn: Extract<SignInState, { kind: 'signed-in' }>;
  readonly onSignOut: () => void;
}) {
  const { session, microsoft, delay } = props.signedIn;
  const { name, roles, expiresAtMs } = session;
  // A token that renews itself needs no countdown, except while it cannot.
  const showsLife = microsoft === undefined || delay !== undefined;
  return (
    <>
      <span title={`Roles: ${roles.join(', ') || 'none'}`}>{name}</span>
      {delay === undefined ? null : (
        <span class="badge warn" role="status" title={delay.message}>
          cannot renew the sign-in
        </span>
      )}
      {showsLife ? <TokenLife expiresAtMs={expiresAtMs} /> : null}
      <button type="button" onClick={props.onSignOut}>
        {microsoft === undefined ? 'Forget token' : 'Sign out'}
      </button>
    </>
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
