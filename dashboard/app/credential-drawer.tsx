import type { HealthReportAnswer } from '../../src/lib/api/answers/health.ts';
import { Sentence } from '../shared/text.tsx';
import { daysText, relative } from './format.ts';
import { BrokerHealth } from './broker-health.tsx';
import { Dialog } from './dialog.tsx';
import { Badge, Fact, Time } from './pieces.tsx';
import { type Moment, momentsOf } from './timeline.ts';

type Application = HealthReportAnswer['applications'][number];

/** What is known of the credentials and of the other parts of the broker. */
export function CredentialDrawer({
  report,
  onClose,
}: {
  readonly report: HealthReportAnswer;
  readonly onClose: () => void;
}) {
  return (
    <Dialog title="The broker" kind="drawer" onClose={onClose} about={<Badge state={report.status} />}>
      {report.applications.map((health) => (
        <Credential key={health.application} health={health} nowMs={Date.now()} />
      ))}
      <BrokerHealth report={report} />
    </Dialog>
  );
}

/** One application: what is left of its credential, and its timeline. */
function Credential({ health, nowMs }: { readonly health: Application; readonly nowMs: number }) {
  const { application, state, account, mfa, daysLeft, clientCredential, lastFailure } = health;
  return (
    <section class="stack" aria-label={`Credential: ${application}`}>
      <h3>
        Credential: {application} <Badge state={state.status} />
      </h3>
      <Timeline moments={momentsOf(health, nowMs)} nowMs={nowMs} />
      <dl>
        <Fact name="Refresh token">
          {daysLeft === undefined ? 'none' : `${Math.abs(daysLeft)} ${daysText(daysLeft)}`}
        </Fact>
        {clientCredential === undefined ? null : (
          <Fact name={`Client ${clientCredential.kind}`}>{expiryText(clientCredential.daysLeft)}</Fact>
        )}
        <Fact name="Account">{account}</Fact>
        <Fact name="MFA">{mfa === false ? <Badge state="degraded">unknown</Badge> : mfa && 'yes'}</Fact>
        <Fact name="Last failure">{lastFailure && <Sentence text={lastFailure.meaning} />}</Fact>
      </dl>
    </section>
  );
}

const expiryText = (daysLeft: number | undefined): string =>
  daysLeft === undefined ? 'does not expire' : `${Math.abs(daysLeft)} ${daysText(daysLeft)}`;

function Timeline({ moments, nowMs }: { readonly moments: readonly Moment[]; readonly nowMs: number }) {
  return (
    <ol class="timeline">
      {moments.map(({ title, iso, tone }) => (
        <li key={title} class={tone === 'idle' ? 'next' : tone}>
          <span class="when">
            <Time iso={iso} short />
            {tone === 'active' ? '' : `, ${relative(iso, nowMs)}`}
          </span>
          {title}
        </li>
      ))}
    </ol>
  );
}
