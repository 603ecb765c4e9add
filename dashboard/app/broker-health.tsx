import type { HealthReportAnswer } from '../../src/lib/api/answers/health.ts';
import { Problem, Sentence, Warnings } from '../shared/text.tsx';
import { CopyButton } from './copy.tsx';
import { count, relative } from './format.ts';
import { Badge, Fact, Time } from './pieces.tsx';
import { Dialog } from './dialog.tsx';
import { momentsOf } from './timeline.ts';

interface ReportProps {
  readonly report: HealthReportAnswer;
}

/** What the broker found wrong with itself, each with what to do. */
export function Findings({ report }: ReportProps) {
  const { applications, policy, storage, keyVault, notifications, tenants, permissionMap, auditCheckpoints, settings } =
    report;
  const findings = applications.flatMap(({ application, findings }) =>
    findings.map((finding) => ({ application, ...finding })),
  );
  const parts = [policy, storage, keyVault, notifications, tenants, permissionMap, auditCheckpoints, settings];
  const problems = parts.flatMap(({ problem }) => problem ?? []);
  return (
    <>
      <Warnings texts={problems} />
      {findings.map(({ application, severity, code, message, advice }) => (
        <Problem
          kind={severity === 'down' ? 'bad' : 'warn'}
          key={application + code + message}
          title={applications.length > 1 ? `${application}: ` : ''}
          message={message}
          advice={advice}
          actions={<CopyCommand text={advice} whatFor={message} />}
        />
      ))}
    </>
  );
}

/** Copies the first `ptb` command in a text. */
function CopyCommand({ text, whatFor }: { readonly text: string; readonly whatFor: string }) {
  const command = text.split('`').find((part, index) => index % 2 === 1 && part.startsWith('ptb '));
  return command === undefined ? null : <CopyButton text={command} what="command" whatFor={whatFor} />;
}

/** The parts of the broker beside the credential. */
function BrokerHealth({ report }: ReportProps) {
  const { policy, storage, keyVault, notifications, permissionMap, auditCheckpoints, tokens, checkedAt } = report;
  return (
    <section class="stack" aria-label="Components">
      <h3>Components</h3>
      <dl>
        <Fact name="Access policy">
          <Badge state={policy.status}>{policy.state}</Badge> {count(policy.rules, 'rule')}
        </Fact>
        <Fact name="Storage">
          <Badge state={storage.status} />
        </Fact>
        <Fact name="Key Vault">
          <Badge state={keyVault.status} />{' '}
          {keyVault.lastReadAt === undefined ? null : (
            <span class="quiet">
              read <Time iso={keyVault.lastReadAt} />
            </span>
          )}
        </Fact>
        <Fact name="Notifications">
          <Badge state={notifications.status} />
        </Fact>
        <Fact name="Permission map">
          <Badge state={permissionMap.status} /> <MapSource map={permissionMap} />
        </Fact>
        <Fact name="Audit checkpoints">
          <Badge state={auditCheckpoints.status}>{auditCheckpoints.state === 'off' ? 'off' : undefined}</Badge>{' '}
          {auditCheckpoints.state === 'off' ? <span class="quiet">their timer is disabled</span> : null}
          {auditCheckpoints.state === 'off' || auditCheckpoints.lastAt === undefined ? null : (
            <span class="quiet">
              last <Time iso={auditCheckpoints.lastAt} />
            </span>
          )}
        </Fact>
        <Fact name="Tokens">
          {tokens.issued.toLocaleString('en')} from this instance since its start,{' '}
          {tokens.fromCache.toLocaleString('en')} of them from the cache
        </Fact>
        <Fact name="Checked">
          <Time iso={checkedAt} exact />
        </Fact>
      </dl>
    </section>
  );
}

function MapSource({ map: { source, retrievedAt } }: { readonly map: HealthReportAnswer['permissionMap'] }) {
  if (source === undefined) return null;
  if (source === 'built-in') return <span class="quiet">built in</span>;
  return (
    <span class="quiet" title={source}>
      Microsoft's file {retrievedAt === undefined ? null : <Time iso={retrievedAt} short />}
    </span>
  );
}

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
      <Findings report={report} />
      {report.applications.map((health) => (
        <Credential key={health.application} health={health} />
      ))}
      <BrokerHealth report={report} />
    </Dialog>
  );
}

/** One application: what is left of its credential, and its timeline. */
function Credential({ health }: { readonly health: Application }) {
  const { application, state, account, mfa, expiresAt, clientCredential, lastFailure } = health;
  const kind = clientCredential?.kind;
  return (
    <section class="stack" aria-label={`Credential: ${application}`}>
      <h3>
        Credential: {application} <Badge state={state.status} />
      </h3>
      <ol class="timeline">
        {momentsOf(health, Date.now()).map(({ title, iso, tone }) => (
          <li key={title} class={tone === 'idle' ? 'next' : tone}>
            <span class="when">
              <Time iso={iso} short />
              {tone === 'active' ? '' : `, ${relative(iso)}`}
            </span>
            {title}
          </li>
        ))}
      </ol>
      <dl>
        {/* The timeline has their ends. */}
        <Fact name="Refresh token">{expiresAt === undefined ? 'none' : undefined}</Fact>
        <Fact name={`Client ${kind}`}>
          {clientCredential && clientCredential.endsAt === undefined ? 'does not expire' : undefined}
        </Fact>
        <Fact name="Renewal">
          {expiresAt === undefined ? null : 'The broker renews the refresh token every day. '}
          {kind === 'secret' || kind === 'certificate' ? (
            <>
              A client {kind} that the broker made is renewed in its last 30 days, unless{' '}
              <code>CLIENT_SECRET_RENEWAL</code> is off.{' '}
            </>
          ) : null}
          What needs you is said above.
        </Fact>
        <Fact name="Account">{account}</Fact>
        <Fact name="MFA">{mfa === false ? <Badge state="degraded">unknown</Badge> : mfa && 'yes'}</Fact>
        <Fact name="Last failure">{lastFailure && <Sentence text={lastFailure.meaning} />}</Fact>
      </dl>
    </section>
  );
}
