import { useContext, useEffect, useState } from 'preact/hooks';
import { CredentialDrawer, firstToEnd } from './broker-health.tsx';
import { DialogButton } from './dialog.tsx';
import { Face, Icon } from './icon.tsx';
import { Palette } from './palette.tsx';
import { useJobs } from './nights.ts';
import { partnerOf, usePolling } from './polling.ts';
import { useSignedIn } from './context.ts';
import { type Route, views } from './route.ts';
import type { SignInState } from './use-sign-in.ts';
import { HeldPlansContext, WaitingContext } from './waiting.tsx';
import { StackedBar } from './charts.tsx';

interface SideProps {
  readonly signedIn: Extract<SignInState, { kind: 'signed-in' }>;
  readonly route: Route;
  readonly onSignOut: () => void;
}

/** Where to go, what to find, how long the credential lives, and who is signed in. On a narrow screen a button opens it. */
export function Side({ signedIn, route, onSignOut }: SideProps) {
  const [isOpen, setOpen] = useState(false);
  const [isFinding, setFinding] = useState(false);
  const { jobs = [] } = useJobs();
  const { session } = useSignedIn();
  const polled = usePolling((api) => api.health(), 'health', healthIntervalMs);
  const { value: health } = polled;
  const partner = partnerOf(health, session);
  const known = views.filter(([view]) => view !== 'plans' || jobs.some(({ changes }) => changes));
  useEffect(() => setOpen(false), [route]);
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (event.key === 'Escape') setOpen(false);
      if (!(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== 'k') return;
      event.preventDefault();
      // Not over a form that is being filled in.
      if (document.querySelector('dialog[open]') === null) setFinding(true);
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, []);
  return (
    <header class="bars">
      <div class="top">
        <button type="button" class="bare" aria-label="Menu" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
          <Icon name="menu" />
        </button>
        <b class="cut">{views.find(([view]) => view === route.view)?.[1]}</b>
        <button type="button" class="bare" aria-label="Search or run" onClick={() => setFinding(true)}>
          <Icon name="search" />
        </button>
      </div>
      <div class={isOpen ? 'side open' : 'side'}>
        <a class="brand" href="#/overview">
          <img src="assets/icon.svg" alt="" width="24" height="24" />
          <span class="cut">
            Partner Token Broker
            {partner === undefined ? null : <small class="cut">{partner}</small>}
          </span>
        </a>
        <button type="button" class="find" aria-keyshortcuts="Control+K" onClick={() => setFinding(true)}>
          <Icon name="search" /> Search or run… <kbd>Ctrl K</kbd>
        </button>
        <nav class="nav" aria-label="Views">
          <ul>
            {known.map(([view, title]) => (
              <li key={view} class={view === 'events' ? 'apart' : undefined}>
                <a href={`#/${view}`} aria-current={route.view === view ? 'page' : undefined}>
                  <Icon name={view} />
                  {title}
                  {view === 'approvals' ? <WaitingCount /> : view === 'plans' ? <HeldCount /> : null}
                </a>
              </li>
            ))}
            <li>
              <a href="docs">
                <Icon name="api" />
                API
              </a>
            </li>
          </ul>
        </nav>
        {health !== undefined && 'applications' in health ? <Fuse report={health} polled={polled} /> : null}
        <Person signedIn={signedIn} onSignOut={onSignOut} />
      </div>
      {isFinding ? <Palette onClose={() => setFinding(false)} /> : null}
    </header>
  );
}

/** How many requests wait for the decision of the person. */
function WaitingCount() {
  const waiting = useContext(WaitingContext);
  if (waiting === undefined || waiting.requests.length === 0) return null;
  return <Count of={waiting.requests.length} isAll={waiting.isAll} />;
}

/** How many applies wait for the person. */
function HeldCount() {
  const { length } = useContext(HeldPlansContext);
  return length === 0 ? null : <Count of={length} isAll />;
}

const Count = ({ of, isAll }: { readonly of: number; readonly isAll: boolean }) => (
  <span class="count">
    <span class="visually-hidden"> (</span>
    {of.toLocaleString('en')}
    {isAll ? '' : '+'}
    <span class="visually-hidden"> {of === 1 ? 'waits' : 'wait'} for your decision)</span>
  </span>
);

const healthIntervalMs = 60_000;

/** What ends first of the credentials. It opens what is known of them and of the other parts of the broker. */
function Fuse({ report, polled }: Pick<Parameters<typeof CredentialDrawer>[0], 'report' | 'polled'>) {
  const { status } = report;
  const left = firstToEnd(report)?.days;
  const tone = { ok: 'good', degraded: 'warn', down: 'bad' }[status];
  // The bar is full while 90 days are left: the life of a refresh token.
  const share = left === undefined ? 0 : Math.max(0, Math.min(90, left)) / 0.9;
  return (
    <DialogButton
      class="fuse"
      dialog={(onClose) => <CredentialDrawer report={report} polled={polled} onClose={onClose} />}
    >
      <span>
        <span>Credential{status === 'ok' ? '' : `: ${status}`}</span>
        <span class="quiet">{left === undefined ? 'none' : left < 0 ? 'ended' : `${left} days left`}</span>
      </span>
      <StackedBar parts={[[tone, share]]} total={100} />
    </DialogButton>
  );
}

function Person({ signedIn, onSignOut }: Pick<SideProps, 'signedIn' | 'onSignOut'>) {
  const { session, microsoft, delay } = signedIn;
  const { name, fullName = name.split('@')[0] ?? name, roles, expiresAtMs } = session;
  // A token that renews itself needs no countdown, except while it cannot.
  const showsLife = microsoft === undefined || delay !== undefined;
  return (
    <div class="who">
      <Face name={fullName} />
      <div class="cut" title={`${name}. Roles: ${roles.join(', ') || 'none'}`}>
        <span>{fullName}</span>
        <small class="cut">{showsLife ? <TokenLife expiresAtMs={expiresAtMs} /> : name.split('@')[0]}</small>
        {delay === undefined ? null : (
          <span class="badge warn" role="status" title={delay.message}>
            cannot renew the sign-in
          </span>
        )}
      </div>
      <button
        type="button"
        class="bare s"
        aria-label={microsoft === undefined ? 'Forget token' : 'Sign out'}
        title={microsoft === undefined ? 'Forget token' : 'Sign out'}
        onClick={onSignOut}
      >
        <Icon name="exit" />
      </button>
    </div>
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
  return <span class={minutes < 5 ? 'badge warn' : ''}>{minutes} min left</span>;
}
