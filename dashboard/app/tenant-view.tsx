import type { TenantDetailsAnswer } from '../../src/lib/api/answers/tenants.ts';
import { Notice, Sentence } from '../shared/text.tsx';
import { auditLink } from './audit-filter.ts';
import { useRole, useSignedIn } from './context.ts';
import { Command, CopyButton } from './copy.tsx';
import { relative } from './format.ts';
import { stepFor } from '../../src/lib/api/next-step.ts';
import { Card, Fact, Loaded, RoleNeeded, Time } from './pieces.tsx';
import { usePolling } from './polling.ts';
import { Access } from './tenant-columns.tsx';
import type { HistoryChoice } from './history-choice.ts';
import { TenantEvents } from './tenant-events.tsx';
import { TenantHistory } from './tenant-history.tsx';
import { TenantJobs } from './tenant-jobs.tsx';
import { TenantOverTime } from './tenant-over-time.tsx';
import { TenantTags } from './tenant-tags.tsx';
import { adviceOf, endsSoon, isWell, titleOf, type Trouble, troublesOf } from '../../src/lib/api/trouble.ts';

const intervalMs = 60_000;

interface TenantViewProps {
  readonly tenantId: string;
  /** What the chart shows. */
  readonly history?: HistoryChoice;
}

export function TenantView(props: TenantViewProps) {
  return useRole('Tenants.Read') ? <OneTenant {...props} /> : <RoleNeeded title="Tenant" role="Tenants.Read" />;
}

function OneTenant({ tenantId, history = {} }: TenantViewProps) {
  const { api } = useSignedIn();
  const polled = usePolling(() => api.tenant(tenantId), tenantId, intervalMs);
  return (
    <article class="tenant">
      <p>
        <a href="#/tenants">Tenants</a> / {polled.value?.name ?? <code>{tenantId}</code>}
      </p>
      <Loaded polled={polled}>
        {(tenant) => <Details tenant={tenant} nowMs={Date.now()} reload={polled.reload} history={history} />}
      </Loaded>
    </article>
  );
}

interface TenantProps {
  readonly tenant: TenantDetailsAnswer;
  readonly nowMs: number;
}

interface DetailsProps extends TenantProps {
  readonly reload: () => void;
  readonly history: HistoryChoice;
}

function Details({ tenant, nowMs, reload, history }: DetailsProps) {
  const { name, warnings } = tenant;
  const showsAudit = useRole('Audit.Read');
  return (
    <>
      <div class="title-row">
        <h2>
          {name} <Access tenant={tenant} />
        </h2>
        {showsAudit ? <a href={auditLink({ tenant: tenant.tenantId })}>Audit records of this tenant</a> : null}
      </div>
      {warnings.map((warning) => (
        <Notice kind="warn" key={warning}>
          <Sentence text={warning} />
        </Notice>
      ))}
      <div class="tenant-body">
        <div class="tenant-main">
          <WhatToDo tenant={tenant} />
          <TenantJobs tenant={tenant} nowMs={nowMs} />
        </div>
        <div class="tenant-aside">
          <Relationship tenant={tenant} nowMs={nowMs} />
          <TenantTags tenant={tenant} onChange={reload} />
        </div>
      </div>
      <TenantEvents tenantId={tenant.tenantId} />
      <TenantOverTime tenantId={tenant.tenantId} choice={history} />
      <TenantHistory tenant={tenant} />
    </>
  );
}

function WhatToDo({ tenant }: Pick<TenantProps, 'tenant'>) {
  const troubles = troublesOf(tenant);
  return (
    <section aria-labelledby="to-do-title" class="question">
      <h3 id="to-do-title">What to do</h3>
      {troubles.length === 0 && !endsSoon(tenant) ? null : (
        <ul class="causes">
          {troubles.map((trouble) => (
            <TroubleCard key={trouble.cause} trouble={trouble} tenant={tenant} />
          ))}
          {endsSoon(tenant) ? (
            <li class="cause warn">
              <h4>The relationship ends soon</h4>
              <p>Renew the relationship before it ends.</p>
            </li>
          ) : null}
        </ul>
      )}
      {tenant.reachable && tenant.lastResults === undefined ? (
        <p class="empty">It is not known whether jobs failed in this tenant.</p>
      ) : null}
      {isWell(tenant) && !endsSoon(tenant) ? (
        <p class="empty good">
          <span aria-hidden="true">✓</span> Nothing.
        </p>
      ) : null}
    </section>
  );
}

function TroubleCard({ trouble, tenant }: { readonly trouble: Trouble; readonly tenant: TenantDetailsAnswer }) {
  const { cause, tone, results } = trouble;
  const step = stepFor({ cause, tenants: [{ tenant, results }] });
  // A newer broker may know codes that this page does not.
  const advice = adviceOf(cause) || tenant.codes.find(({ code }) => code === cause)?.advice;
  return (
    <li class={`cause ${tone}`}>
      <h4>{titleOf(cause)}</h4>
      {results.length === 0 ? null : <p class="quiet">Last result of {results.map(({ job }) => job).join(', ')}</p>}
      {advice === undefined ? null : (
        <p>
          <Sentence text={advice} />
        </p>
      )}
      {step === undefined ? null : <Command text={step.command} />}
    </li>
  );
}

const sourceNames = {
  relationships: 'GDAP relationships',
  contracts: 'reseller contracts',
  'partner-center': 'Partner Center',
} as const;

function Relationship({ tenant, nowMs }: TenantProps) {
  const { tenantId, defaultDomain, relationship, relationshipEndsAt, explanation, sources, asOf } = tenant;
  return (
    <Card title="Relationship">
      <p>{explanation}</p>
      <dl>
        <Fact name="Kind">{relationship === 'none' ? 'none' : relationship.toUpperCase()}</Fact>
        <Fact name="Ends">
          {relationshipEndsAt && (
            <>
              <Time iso={relationshipEndsAt} /> <span class="quiet">{relative(relationshipEndsAt, nowMs)}</span>
            </>
          )}
        </Fact>
        <Fact name="Default domain">{defaultDomain}</Fact>
        <Fact name="Tenant id">
          <code>{tenantId}</code> <CopyButton text={tenantId} what="tenant id" />
        </Fact>
        <Fact name="Listed in">{sources.map((source) => sourceNames[source]).join(', ')}</Fact>
        <Fact name="As of">
          <Time iso={asOf} />
        </Fact>
      </dl>
    </Card>
  );
}
