import type { HealthReportAnswer } from '../../src/lib/api/answers/health.ts';
import { Sentence } from '../shared/text.tsx';
import { daysText } from './format.ts';
import { Badge, Card, Fact, Time } from './pieces.tsx';

export function CredentialCard({ health }: { readonly health: HealthReportAnswer['applications'][number] }) {
  const { application, state, account, mfa, daysLeft, expiresAt, clientCredential, lastRotation, lastFailure } = health;
  return (
    <Card title={`Credential: ${application}`}>
      <p>
        <Badge state={state.status} />
      </p>
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
      <dl>
        <Fact name="Account">{account}</Fact>
        <Fact name="MFA">{mfa === false ? <Badge state="degraded">unknown</Badge> : mfa && 'yes'}</Fact>
        <Fact name="Expires">{expiresAt && <Time iso={expiresAt} />}</Fact>
        {clientCredential === undefined ? null : (
          <Fact name={`Client ${clientCredential.kind}`}>{expiryText(clientCredential.daysLeft)}</Fact>
        )}
        <Fact name="Last rotation">{lastRotation && <Time iso={lastRotation} />}</Fact>
        <Fact name="Last failure">
          {lastFailure && (
            <>
              <Time iso={lastFailure.at} /> <Sentence text={lastFailure.meaning} />
            </>
          )}
        </Fact>
      </dl>
    </Card>
  );
}

const expiryText = (daysLeft: number | undefined): string =>
  daysLeft === undefined ? 'does not expire' : `${Math.abs(daysLeft)} ${daysText(daysLeft)}`;
