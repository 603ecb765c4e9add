import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { HealthReportAnswer } from '../../src/lib/api/answers/health.ts';
import { Problem, Sentence, Warnings } from '../shared/text.tsx';
import { useAnnounce } from './announcer.tsx';
import { Command, CopyButton } from './copy.tsx';
import { count, localClock, relative } from './format.ts';
import { Icon } from './icon.tsx';
import { Badge, Fact, Failure, Time, ToneBadge } from './pieces.tsx';
import { Dialog } from './dialog.tsx';
import type { Polled } from './polling.ts';

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
  const { policy, storage, keyVault, notifications, permissionMap, auditCheckpoints, tokens } = report;
  const { state, lastAt } = auditCheckpoints;
  return (
    <>
      <h3>Components</h3>
      <dl>
        <Part name="Access policy" status={policy.status} word={policy.state}>
          {count(policy.rules, 'rule')}
        </Part>
        <Part name="Storage" status={storage.status} />
        <Part name="Key Vault" status={keyVault.status}>
          {keyVault.lastReadAt && (
            <>
              read <Time iso={keyVault.lastReadAt} short />
            </>
          )}
        </Part>
        <Part name="Notifications" status={notifications.status} />
        <Part name="Permission map" status={permissionMap.status}>
          {permissionMap.source && <MapSource map={permissionMap} />}
        </Part>
        <Part name="Audit checkpoints" status={auditCheckpoints.status} word={state === 'off' ? 'off' : undefined}>
          {state === 'off'
            ? 'their timer is disabled'
            : lastAt && (
                <>
                  last <Time iso={lastAt} short />
                </>
              )}
        </Part>
        <Fact name="Checked">
          <Time iso={report.checkedAt} exact />
        </Fact>
        <Fact name="Tokens">
          {tokens.issued.toLocaleString('en')}{' '}
          <span class="quiet">since this instance started, {tokens.fromCache.toLocaleString('en')} from the cache</span>
        </Fact>
      </dl>
    </>
  );
}

/** The state of a part, and beside it what else is known. */
const Part = (props: {
  readonly name: string;
  readonly status: string;
  /** Default: the status. */
  readonly word?: string | undefined;
  readonly children?: ComponentChildren;
}) => (
  <Fact name={props.name}>
    <Badge state={props.status}>{props.word}</Badge>
    {props.children ? <span class="quiet">, {props.children}</span> : null}
  </Fact>
);

function MapSource({ map: { source, retrievedAt } }: { readonly map: HealthReportAnswer['permissionMap'] }) {
  if (source === 'built-in') return <>built in</>;
  return (
    <span title={source}>Microsoft's file {retrievedAt === undefined ? null : <Time iso={retrievedAt} short />}</span>
  );
}

type Application = HealthReportAnswer['applications'][number];

/** The credential that ends first, and in how many days. Negative after that. Undefined without one that ends. */
export const firstToEnd = ({ applications }: HealthReportAnswer) =>
  applications
    .flatMap(({ daysLeft, clientCredential }) => [
      { name: 'refresh token', days: daysLeft },
      { name: `client ${clientCredential?.kind}`, days: clientCredential?.daysLeft },
    ])
    .flatMap(({ name, days }) => (days === undefined ? [] : { name, days }))
    .toSorted((a, b) => a.days - b.days)[0];

/** Whether anybody has to act, in a sentence. */
function titleOf(report: HealthReportAnswer): string {
  const first = firstToEnd(report);
  if (report.status === 'down') return 'The broker is down';
  if (report.status === 'degraded') return 'The broker works, but needs attention';
  return first === undefined ? 'The broker works' : `The ${first.name} is valid for ${count(first.days, 'day')}`;
}

/** That nobody has to act, if nothing is found that says otherwise. The broker does not renew each client credential. */
function aboutOf(report: HealthReportAnswer): string | undefined {
  const parts = Object.values(report).filter((part) => typeof part === 'object' && 'problem' in part && part.problem);
  if (report.status !== 'ok' || parts.length + report.applications.flatMap(({ findings }) => findings).length > 0)
    return undefined;
  const isRenewed = firstToEnd(report)?.name === 'refresh token';
  return isRenewed ? 'The broker renews it every day. There is nothing to do.' : 'There is nothing to do now.';
}

/** What is known of the credentials and of the other parts of the broker. */
export function CredentialDrawer({
  report,
  polled,
  onClose,
}: ReportProps & {
  /** What reads the report. */
  readonly polled: Pick<Polled<unknown>, 'failure' | 'loadedAtMs' | 'reload'>;
  readonly onClose: () => void;
}) {
  const { failure, loadedAtMs, reload } = polled;
  const [isChecking, setChecking] = useState(false);
  const announce = useAnnounce();
  useEffect(() => {
    if (!isChecking) return;
    setChecking(false);
    // The broker keeps its report for some seconds. A failure announces itself.
    if (failure === undefined) announce(`${titleOf(report)}. Checked at ${localClock(report.checkedAt, true)}.`);
  }, [failure, loadedAtMs]);
  const check = (): void => {
    setChecking(true);
    reload();
  };
  return (
    <Dialog
      title={titleOf(report)}
      kind="drawer"
      onClose={onClose}
      about={failure === undefined ? aboutOf(report) : undefined}
      actions={
        <button type="button" aria-disabled={isChecking} onClick={isChecking ? undefined : check}>
          <Icon name="again" /> {isChecking ? 'Checking…' : 'Check again'}
        </button>
      }
    >
      <Failure failure={failure} />
      <Findings report={report} />
      {report.applications.map((health) => (
        <Credential key={health.application} health={health} isOne={report.applications.length === 1} />
      ))}
      <BrokerHealth report={report} />
    </Dialog>
  );
}

/** Days before an end from which on it is shown as a warning, if the broker names no threshold. */
const warnDays = 14;

function End({ iso, state }: { readonly iso: string; readonly state: Application['state'] }) {
  const days = (Date.parse(iso) - Date.now()) / 86_400_000;
  return (
    <>
      <ToneBadge tone={days < 0 ? 'bad' : days < (state.thresholdDays ?? warnDays) ? 'warn' : 'good'}>
        {days < 0 ? 'ended' : 'until'} <Time iso={iso} short />
      </ToneBadge>
      <span class="quiet">, {relative(iso)}</span>
    </>
  );
}

/** One application: until when its credential is valid, and how it is renewed. */
function Credential({ health, isOne }: { readonly health: Application; readonly isOne: boolean }) {
  const { application, state, account, mfa, obtainedAt, expiresAt, clientCredential, lastFailure } = health;
  // A probe from before the last consent or rotation says nothing about the current token.
  const mfaProbe = health.mfaProbe && (obtainedAt ?? '') <= health.mfaProbe.at ? health.mfaProbe : undefined;
  const { kind, endsAt } = clientCredential ?? {};
  const mayRenew = kind === 'secret' || kind === 'certificate';
  return (
    <>
      <h3>{isOne && application === 'default' ? 'Credential' : `Credential: ${application}`}</h3>
      <dl>
        <Fact name="Refresh token">
          {expiresAt === undefined ? (
            // An application whose tokens are its own needs none.
            <Badge state={state.status === 'down' ? 'down' : 'idle'}>none</Badge>
          ) : (
            <End iso={expiresAt} state={state} />
          )}
        </Fact>
        <Fact name={`Client ${kind}`}>
          {clientCredential &&
            (endsAt !== undefined ? (
              <End iso={endsAt} state={state} />
            ) : kind === 'federated' ? (
              'does not expire'
            ) : (
              'end not known'
            ))}
        </Fact>
        <Fact name="Last renewed">{obtainedAt && <Time iso={obtainedAt} short />}</Fact>
        <Fact name="Renewal">
          {expiresAt && (
            <>
              Refresh token: every day.
              {mayRenew ? (
                <>
                  {' '}
                  Client {kind}: 30 days before its end, if the broker made it and <code>CLIENT_SECRET_RENEWAL</code> is
                  not off.
                </>
              ) : null}
            </>
          )}
        </Fact>
        <Fact name="Account">{account}</Fact>
        <Fact name="MFA">
          {mfa === undefined && mfaProbe === undefined ? undefined : (
            <>
              {mfaProbe?.compliant === false ? (
                <Badge state="down">refused</Badge>
              ) : mfa === false ? (
                <Badge state="degraded">unknown</Badge>
              ) : (
                <Badge state="ok">confirmed</Badge>
              )}
              {mfaProbe === undefined ? null : (
                <span class="quiet">
                  , checked <Time iso={mfaProbe.at} short />
                </span>
              )}
            </>
          )}
        </Fact>
        <Fact name="Last failure">
          {lastFailure && (
            <>
              <Time iso={lastFailure.at} short />: <Sentence text={lastFailure.meaning} />
            </>
          )}
        </Fact>
      </dl>
      {expiresAt === undefined ? null : (
        <Command
          about="To renew the refresh token now:"
          text={`ptb rotate${application === 'default' ? '' : ` --application ${application}`}`}
        />
      )}
    </>
  );
}
