import type { VNode } from 'preact';
import { useMemo } from 'preact/hooks';
import { Announcer } from './announcer.tsx';
import { createApi } from './api.ts';
import { ApprovalView } from './approval-view.tsx';
import { ApprovalsView } from './approvals-view.tsx';
import { AuditView } from './audit-view.tsx';
import { SignedInContext } from './context.ts';
import { DialogButton } from './dialog.tsx';
import { EventsView } from './events-view.tsx';
import { Icon } from './icon.tsx';
import { grantCommand, NoRole } from './role-needed.tsx';
import { JobView } from './job-view.tsx';
import { JobsView } from './jobs-view.tsx';
import { OverviewView } from './overview-view.tsx';
import { Palette } from './palette.tsx';
import { Breakable, Head } from './pieces.tsx';
import { asksForReport, type Route, runPartIn, useRoute, useViewChange, type View } from './route.ts';
import { PlanView } from './plan-view.tsx';
import { PlansView } from './plans-view.tsx';
import { PolicyView } from './policy-view.tsx';
import { ReportView } from './report-view.tsx';
import { RunView } from './run-view.tsx';
import { RunsView } from './runs-view.tsx';
import { Side } from './side.tsx';
import { SignInView } from './sign-in.tsx';
import { TenantView } from './tenant-view.tsx';
import { TenantsView } from './tenants-view.tsx';
import { useSignIn } from './use-sign-in.ts';
import { Waiting } from './waiting.tsx';
import { NewVersion } from './new-version.tsx';
import { parseHistoryChoice } from './history-choice.ts';
import { parseTenantFilter } from './tenant-filter.ts';
import { parseApprovalsFilter, parseAuditFilter, parseEventsFilter, parseRunsFilter } from './view-filter.ts';

export function App() {
  const signIn = useSignIn();
  const route = useRoute();
  const signedIn = signIn.state.kind === 'signed-in' ? signIn.state : undefined;
  const { session, source, microsoft } = signedIn ?? {};
  // The same API for the whole session, so that a renewed token does not make the views load again.
  const api = useMemo(() => source && createApi(source.token, (failure) => signIn.refuse(source, failure)), [source]);
  const settings = signIn.settings.value;
  const context = useMemo(() => {
    if (api === undefined || session === undefined || source === undefined) return undefined;
    const command = (role: string): string => grantCommand(settings, session, role);
    return {
      api,
      session,
      grantCommand: command,
      ...(settings !== undefined && 'clientId' in settings ? { signInClientId: settings.clientId } : {}),
      ...(microsoft === undefined ? {} : { renew: source.renew }),
    };
  }, [api, session, settings]);
  return (
    <Announcer>
      <a class="skip" href="#content" onClick={skipToContent}>
        Skip to content
      </a>
      <SignedInContext.Provider value={context}>
        <Waiting>
          {context === undefined || signedIn === undefined ? (
            <SignInView signIn={signIn} />
          ) : (
            <div class="app">
              <Side signedIn={signedIn} route={route} onSignOut={signIn.signOut} />
              <main id="content" class="page" tabIndex={-1}>
                <NewVersion />
                {context.session.roles.length === 0 ? <NoRole /> : <Content route={route} />}
              </main>
            </div>
          )}
        </Waiting>
      </SignedInContext.Provider>
    </Announcer>
  );
}

/** What each view shows: a list by the filter in the address, or one thing. */
const pages: Readonly<Record<View, (route: Route) => VNode>> = {
  overview: () => <OverviewView />,
  tenants: (route) => {
    const { id, query } = route;
    if (id === undefined) return <TenantsView filter={parseTenantFilter(query)} />;
    if (asksForReport(route)) return <ReportView key={id} tenantId={id} />;
    return <TenantView key={id} tenantId={id} history={parseHistoryChoice(query)} />;
  },
  runs: ({ id, query }) =>
    id === undefined ? (
      <RunsView filter={parseRunsFilter(query)} />
    ) : (
      <RunView key={id} runId={id} part={runPartIn(query)} />
    ),
  plans: ({ id }) => (id === undefined ? <PlansView /> : <PlanView key={id} planId={id} />),
  approvals: ({ id, query }) =>
    id === undefined ? (
      <ApprovalsView filter={parseApprovalsFilter(query)} />
    ) : (
      <ApprovalView key={id} approvalId={id} />
    ),
  events: ({ query }) => <EventsView filter={parseEventsFilter(query)} />,
  jobs: ({ id, query }) =>
    id === undefined ? <JobsView /> : <JobView key={id} name={id} choice={parseHistoryChoice(query)} />,
  policy: () => <PolicyView />,
  audit: ({ query }) => <AuditView filter={parseAuditFilter(query)} />,
};

function Content({ route }: { readonly route: Route }) {
  useViewChange(route);
  return route.view === undefined ? <NotFound /> : pages[route.view](route);
}

/** The address names no view. */
function NotFound() {
  return (
    <>
      <Head
        title="There is no such page"
        lede="The address may have been cut, or belong to another version of the broker."
        about={
          <code>
            <Breakable text={location.hash} />
          </code>
        }
      />
      <div class="actions">
        <a class="btn" href="#/overview">
          Go to the overview
        </a>
        <DialogButton dialog={(onClose) => <Palette onClose={onClose} />}>
          <Icon name="search" /> Search or run…
        </DialogButton>
      </div>
    </>
  );
}

/** Moves the focus without changing the fragment of the address, which names the view. */
function skipToContent(event: Event): void {
  event.preventDefault();
  document.querySelector<HTMLElement>('#content')?.focus();
}
