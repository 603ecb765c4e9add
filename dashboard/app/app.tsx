import { useMemo } from 'preact/hooks';
import { Announcer } from './announcer.tsx';
import { createApi } from './api.ts';
import { ApprovalView } from './approval-view.tsx';
import { ApprovalsView } from './approvals-view.tsx';
import { AuditView } from './audit-view.tsx';
import { SignedInContext } from './context.ts';
import { EventsView } from './events-view.tsx';
import { grantCommand, NoRole } from './role-needed.tsx';
import { JobView } from './job-view.tsx';
import { JobsView } from './jobs-view.tsx';
import { OverviewView } from './overview-view.tsx';
import { Head } from './pieces.tsx';
import { type Route, useRoute, useViewChange } from './route.ts';
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
    return { api, session, grantCommand: command, ...(microsoft === undefined ? {} : { renew: source.renew }) };
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

function Content({ route }: { readonly route: Route }) {
  useViewChange(route);
  if (route.runId !== undefined) return <RunView key={route.runId} runId={route.runId} part={route.part} />;
  if (route.runs !== undefined) return <RunsView filter={route.runs} />;
  if (route.tenantId !== undefined && route.report)
    return <ReportView key={route.tenantId} tenantId={route.tenantId} />;
  if (route.tenantId !== undefined)
    return <TenantView key={route.tenantId} tenantId={route.tenantId} history={route.history ?? {}} />;
  if (route.tenants !== undefined) return <TenantsView filter={route.tenants} />;
  if (route.events !== undefined) return <EventsView filter={route.events} />;
  if (route.job !== undefined) return <JobView key={route.job} name={route.job} choice={route.history ?? {}} />;
  if (route.view === 'jobs') return <JobsView />;
  if (route.approvalId !== undefined) return <ApprovalView key={route.approvalId} approvalId={route.approvalId} />;
  if (route.approvals !== undefined) return <ApprovalsView filter={route.approvals} />;
  if (route.planId !== undefined) return <PlanView key={route.planId} planId={route.planId} />;
  if (route.view === 'plans') return <PlansView />;
  if (route.view === 'policy') return <PolicyView />;
  if (route.audit !== undefined) return <AuditView filter={route.audit} />;
  return route.view === undefined ? <NotFound /> : <OverviewView />;
}

/** The address names no view. */
function NotFound() {
  return (
    <>
      <Head
        title="There is no such page"
        lede="The address may have been cut, or belong to another version of the broker."
      />
      <p>
        <a href="#/overview">Go to the overview</a>, or press Ctrl K to find what you are looking for.
      </p>
    </>
  );
}

/** Moves the focus without changing the fragment of the address, which names the view. */
function skipToContent(event: Event): void {
  event.preventDefault();
  document.querySelector<HTMLElement>('#content')?.focus();
}
