import { useMemo, useState } from 'preact/hooks';
import { Announcer } from './announcer.tsx';
import type { ApiFailure } from './api-failure.ts';
import { createApi } from './api.ts';
import { AuditView } from './audit-view.tsx';
import { SignedInContext } from './context.ts';
import { Header } from './header.tsx';
import { JobsView } from './jobs-view.tsx';
import { OverviewView } from './overview-view.tsx';
import { useRoute, type Route } from './route.ts';
import { RunView } from './run-view.tsx';
import { RunsView } from './runs-view.tsx';
import type { Session } from './session.ts';
import { SignIn } from './sign-in.tsx';
import { TenantsView } from './tenants-view.tsx';

export function App() {
  const [{ session, refusal }, setState] = useState<{ readonly session?: Session; readonly refusal?: ApiFailure }>({});
  const route = useRoute();
  const signedIn = useMemo(() => {
    if (session === undefined) return undefined;
    // A late refusal concerns an earlier token. It must not end the session of the current one.
    const onRefused = (failure: ApiFailure): void =>
      setState((current) => (current.session === session ? { refusal: failure } : current));
    return { session, api: createApi(session.token, onRefused) };
  }, [session]);
  return (
    <Announcer>
      <a class="skip" href="#content" onClick={skipToContent}>
        Skip to content
      </a>
      <SignedInContext.Provider value={signedIn}>
        <Header session={session} route={route} onForget={() => setState({})} />
        {signedIn === undefined ? (
          <SignIn refusal={refusal} onSession={(started) => setState({ session: started })} />
        ) : (
          <main id="content" tabIndex={-1}>
            <Content route={route} />
          </main>
        )}
      </SignedInContext.Provider>
    </Announcer>
  );
}

function Content({ route }: { readonly route: Route }) {
  if (route.runId !== undefined) return <RunView key={route.runId} runId={route.runId} />;
  if (route.view === 'runs') return <RunsView />;
  if (route.view === 'tenants') return <TenantsView />;
  if (route.view === 'jobs') return <JobsView />;
  if (route.audit !== undefined) return <AuditView filter={route.audit} />;
  return <OverviewView />;
}

/** Moves the focus without changing the fragment of the address, which names the view. */
function skipToContent(event: Event): void {
  event.preventDefault();
  document.querySelector<HTMLElement>('#content')?.focus();
}
