import { useEffect, useRef, useState } from 'preact/hooks';
import {
  type JoinedApplication,
  joinSignIns,
  readSignIns,
  type RecordedToken,
  type RecordedTokens,
  type SignIn,
  SignInFileError,
} from '../../src/lib/audit/proof/join-sign-ins.ts';
import type { ExtractVerdict } from '../../src/lib/audit/proof/verify-extract.ts';
import { visibleText } from '../../src/lib/core/text.ts';
import { Notice } from '../shared/text.tsx';
import { counted, Drop, Some, When } from './parts.tsx';

/** A sign-in log is read as a whole. */
const mostBytes = 200_000_000;

export interface LogProps {
  /** Downloads of the sign-in log. */
  readonly log: readonly File[];
  readonly onLog: (files: readonly File[]) => void;
}

interface Props extends LogProps {
  readonly tokens: RecordedTokens;
  readonly verdict: ExtractVerdict;
}

/** @throws SignInFileError */
async function signInsOf(file: File): Promise<readonly SignIn[]> {
  if (file.size <= mostBytes) return readSignIns(await file.text());
  throw new SignInFileError(
    'The file has more than 200 MB. Export a shorter time, or only the application of your partner.',
  );
}

/** The comparison with what Microsoft saw. */
export function SignInsPanel({ tokens, verdict: { proven }, log, onLog }: Props) {
  const [signIns, setSignIns] = useState<readonly SignIn[]>();
  const [problem, setProblem] = useState<string>();
  const [partner, setPartner] = useState<ReadonlySet<string>>();
  const panel = useRef<HTMLElement>(null);
  useEffect(() => {
    if (log.length === 0) return undefined;
    let isCurrent = true;
    setPartner(undefined);
    Promise.all(log.map(signInsOf)).then(
      (found) => {
        if (!isCurrent) return;
        setSignIns(found.flat());
        setProblem(undefined);
        panel.current?.scrollIntoView();
      },
      (thrown: unknown) =>
        isCurrent &&
        setProblem(thrown instanceof SignInFileError ? thrown.message : `The file cannot be read: ${String(thrown)}`),
    );
    return () => {
      isCurrent = false;
    };
  }, [log]);
  return (
    <section class="panel" id="sign-ins" ref={panel} aria-labelledby="sign-ins-title">
      <header>
        <h2 id="sign-ins-title">Compare with your own sign-in log</h2>
      </header>
      <div class="pad">
        <p>
          Microsoft writes a sign-in log of your tenant, which your partner cannot change. Each sign-in names the token
          that it gave, and so does each record. In the Microsoft Entra admin center, open Sign-in logs, choose the tabs
          for non-interactive users and for service principals, and download each as JSON or CSV.
        </p>
        <Drop id="sign-in-log" label="Add downloads of the sign-in log" multiple onFiles={onLog} />
        {problem === undefined ? null : <Notice kind="bad">{problem}</Notice>}
        {signIns === undefined || proven === undefined ? null : (
          <Compared
            signIns={signIns}
            tokens={tokens.all}
            period={{ fromMs: Date.parse(proven.from), toMs: Date.parse(proven.to) }}
            partner={partner}
            onPartner={setPartner}
          />
        )}
      </div>
    </section>
  );
}

interface ComparedProps {
  readonly signIns: readonly SignIn[];
  readonly tokens: readonly RecordedToken[];
  readonly period: { readonly fromMs: number; readonly toMs: number };
  readonly partner: ReadonlySet<string> | undefined;
  readonly onPartner: (partner: ReadonlySet<string>) => void;
}

function Compared({ signIns, tokens, period, partner, onPartner }: ComparedProps) {
  const join = joinSignIns(tokens, signIns, period, partner);
  const { fromMs, toMs, withoutRecord, withoutSignIn, otherProviders, recorded, applications } = join;
  const choose = (id: string, isChosen: boolean): void => {
    const next = new Set(join.partner);
    if (isChosen) next.add(id);
    else next.delete(id);
    onPartner(next);
  };
  if (!(fromMs < toMs))
    return (
      <Notice kind="warn">
        The log and the file have no time in common. Export the log of the time that the file is about.
      </Notice>
    );
  return (
    <>
      <p>
        Both cover the time from <When ms={fromMs} /> to <When ms={toMs} />: {counted(signIns.length, 'sign-in')} in the
        log, {counted(tokens.length, 'token')} in the records, {recorded.toLocaleString('en')} of your partner’s
        sign-ins with a record.
      </p>
      <Applications applications={applications} partner={join.partner} onChoose={choose} />
      {join.partner.size === 0 ? (
        <Notice kind="warn">
          No sign-in has a record, so this page cannot tell which application is your partner’s. Choose it above.
        </Notice>
      ) : withoutRecord.length === 0 ? (
        <div class="note proven">
          <div>
            <h3>Nothing without a record</h3>
            <p>Microsoft gave no token to your partner’s application in this time of which the file does not speak.</p>
          </div>
        </div>
      ) : (
        <Notice kind="bad">
          <h3>{counted(withoutRecord.length, 'sign-in')} without a record</h3>
          <p>
            Microsoft gave these tokens to your partner’s application, and no record speaks of them: somebody used the
            credential outside the service, or the service looked after it. Ask your partner.
          </p>
          <SignIns items={withoutRecord} />
        </Notice>
      )}
      {otherProviders.length === 0 ? null : (
        <Notice kind="warn">
          <h3>{counted(otherProviders.length, 'sign-in')} of a service provider with other applications</h3>
          <p>Microsoft marks them as access of a partner: of this one without its service, or of another one.</p>
          <SignIns items={otherProviders} />
        </Notice>
      )}
      {withoutSignIn.length === 0 ? null : (
        <Notice kind="plain">
          <h3>{counted(withoutSignIn.length, 'token')} without a sign-in</h3>
          <p>
            Records speak of them, and the log does not. A log may be late by hours, or lack a tab (non-interactive
            users, service principals).
          </p>
          <Some items={withoutSignIn} noun="token">
            {(shown) => (
              <ul class="records">
                {shown.map(({ uti, firstMs }) => (
                  <li key={uti}>
                    <When ms={firstMs} /> <code>{visibleText(uti)}</code>
                  </li>
                ))}
              </ul>
            )}
          </Some>
        </Notice>
      )}
    </>
  );
}

/** Applications of the log that are shown: a tenant may have thousands. */
const mostApplications = 12;

interface ApplicationsProps {
  readonly applications: readonly JoinedApplication[];
  readonly partner: ReadonlySet<string>;
  readonly onChoose: (id: string, isChosen: boolean) => void;
}

function Applications({ applications, partner, onChoose }: ApplicationsProps) {
  return (
    <fieldset class="applications">
      <legend>Applications of your partner</legend>
      {applications.slice(0, mostApplications).map(({ id, name, signIns, recorded }) => (
        <label class="check" key={id}>
          <input
            type="checkbox"
            checked={partner.has(id)}
            onChange={(event) => onChoose(id, event.currentTarget.checked)}
          />
          <span>
            <bdi>{visibleText(name === '' ? id : name)}</bdi>{' '}
            <span class="quiet">
              {counted(signIns, 'sign-in')}, {recorded.toLocaleString('en')} with a record
            </span>
          </span>
        </label>
      ))}
    </fieldset>
  );
}

const SignIns = ({ items }: { readonly items: readonly SignIn[] }) => (
  <Some items={items} noun="sign-in">
    {(shown) => (
      <ul class="records">
        {shown.map(({ uti, atMs, application, who, address }, at) => (
          <li key={at}>
            <b>
              <When ms={atMs} /> <bdi>{visibleText(application)}</bdi>
            </b>
            {[who, address, uti]
              .filter((text) => text !== '')
              .map((text) => (
                <span key={text}>
                  <bdi>{visibleText(text)}</bdi>
                </span>
              ))}
          </li>
        ))}
      </ul>
    )}
  </Some>
);
