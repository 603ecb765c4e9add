import type { HealthReportAnswer } from '../../src/lib/api/answers/health.ts';
import { Sentence } from '../shared/text.tsx';
import { daysText, relative } from './format.ts';
import { Badge, Fact, Time } from './pieces.tsx';
import { lifeSpent, type Moment, momentsOf } from './timeline.ts';

type Application = HealthReportAnswer['applications'][number];

/** One application: what is left of its credential, and its timeline. */
export function CredentialCard({ health, nowMs }: { readonly health: Application; readonly nowMs: number }) {
  const { application, state, account, mfa, daysLeft, clientCredential, lastFailure } = health;
  return (
    <section class="card credential" aria-label={`Credential: ${application}`}>
      <div class="title-row">
        <h3>Credential: {application}</h3>
        <Badge state={state.status} />
      </div>
      {daysLeft === undefined ? (
        <p class="quiet">No refresh token.</p>
      ) : (
        <p class="figure">
          {Math.abs(daysLeft)}{' '}
          <small>
            {daysText(daysLeft)} {daysLeft < 0 ? 'of' : 'on'} the refresh token
          </small>
        </p>
      )}
      <Life health={health} nowMs={nowMs} />
      <Timeline moments={momentsOf(health, nowMs)} nowMs={nowMs} />
      <dl>
        <Fact name="Account">{account}</Fact>
        <Fact name="MFA">{mfa === false ? <Badge state="degraded">unknown</Badge> : mfa && 'yes'}</Fact>
        {clientCredential === undefined ? null : (
          <Fact name={`Client ${clientCredential.kind}`}>{expiryText(clientCredential.daysLeft)}</Fact>
        )}
        <Fact name="Last failure">{lastFailure && <Sentence text={lastFailure.meaning} />}</Fact>
      </dl>
    </section>
  );
}

const expiryText = (daysLeft: number | undefined): string =>
  daysLeft === undefined ? 'does not expire' : `${Math.abs(daysLeft)} ${daysText(daysLeft)}`;

/** The life of the refresh token as a bar. The text above says the same. */
function Life({ health, nowMs }: { readonly health: Application; readonly nowMs: number }) {
  const spent = lifeSpent(health, nowMs);
  if (spent === undefined) return null;
  const tone = { ok: 'good', degraded: 'warn', down: 'bad' }[health.state.status];
  return (
    <svg class="life" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">
      <rect class="rest" width={100} height={6} />
      <rect class={tone} x={spent * 100} width={(1 - spent) * 100} height={6} />
    </svg>
  );
}

function Timeline({ moments, nowMs }: { readonly moments: readonly Moment[]; readonly nowMs: number }) {
  return (
    <ol class="timeline">
      {moments.map(({ title, iso, tone }) => (
        <li key={title} class={tone}>
          <span>{title}</span> <Time iso={iso} short />
          <span class="quiet">{tone === 'active' ? '' : relative(iso, nowMs)}</span>
        </li>
      ))}
    </ol>
  );
}
