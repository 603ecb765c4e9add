import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import {
  type JoinedApplication,
  joinSignIns,
  type KindPeriod,
  mergedLogs,
  type Period,
  readSignIns,
  type RecordedToken,
  type RecordedTokens,
  type SignIn,
  SignInFileError,
  type SignInLog,
} from '../../src/lib/audit/proof/join-sign-ins.ts';
import type { ExtractVerdict } from '../../src/lib/audit/proof/verify-extract.ts';
import { visibleText } from '../../src/lib/core/text.ts';
import { Notice } from '../shared/text.tsx';
import { takeTurns } from './check.ts';
import { counted, Drop, SearchField, Some, When } from './parts.tsx';

/** A sign-in log is read as a whole. */
const mostBytes = 100_000_000;

export interface LogProps {
  /** Downloads of the sign-in log, which are compared together. */
  readonly log: readonly File[];
  readonly onLog: (files: readonly File[]) => void;
}

interface Props extends LogProps {
  readonly tokens: RecordedTokens;
  readonly verdict: ExtractVerdict;
}

/** What a download has, or why it has nothing. */
async function readingOf(file: File): Promise<SignInLog | string> {
  if (file.size > mostBytes)
    return 'It has more than 100 MB. Export a shorter time, or only the application of your partner.';
  try {
    return await readSignIns(await file.text(), takeTurns());
  } catch (thrown) {
    return thrown instanceof SignInFileError ? thrown.message : `It cannot be read: ${String(thrown)}`;
  }
}

/** The comparison with what Microsoft saw. */
export function SignInsPanel({ tokens, verdict: { proven, withheld }, log: files, onLog }: Props) {
  const [readings, setReadings] = useState<ReadonlyMap<File, SignInLog | string>>(new Map());
  const [partner, setPartner] = useState<ReadonlySet<string>>();
  /** Kinds (whether of users) of which the reader says that the log is empty. */
  const [empty, setEmpty] = useState<readonly boolean[]>([]);
  const panel = useRef<HTMLElement>(null);
  // One after the other: each is a large text.
  const next = files.find((file) => !readings.has(file));
  useEffect(() => {
    if (next === undefined) {
      if (files.length > 0) panel.current?.scrollIntoView();
      return undefined;
    }
    let isCurrent = true;
    const keep = async (): Promise<void> => {
      const reading = await readingOf(next);
      if (isCurrent) setReadings((known) => new Map(known).set(next, reading));
    };
    void keep();
    return () => {
      isCurrent = false;
    };
  }, [files, next]);
  const read = useMemo(
    () =>
      files.flatMap((file) => {
        const log = readings.get(file);
        return log === undefined ? [] : [{ name: visibleText(file.name), log }];
      }),
    [files, readings],
  );
  const whole = read.flatMap(({ name, log }) => (typeof log === 'string' ? [] : [{ name, log }]));
  const merged = useMemo(() => mergedLogs(whole.map(({ log }) => log)), [read]);
  return (
    <section class="panel" id="sign-ins" ref={panel} aria-labelledby="sign-ins-title">
      <header>
        <h2 id="sign-ins-title">Compare with your own sign-in log</h2>
      </header>
      <div class="pad">
        <p>
          Microsoft writes a sign-in log of your tenant, which your partner cannot change. Each sign-in names the token
          that it gave, and so does each record. In the Microsoft Entra admin center, open Sign-in logs, choose the tabs
          for non-interactive users and for service principals, and download each as JSON or CSV. Each file that you add
          here is compared together with those before.
        </p>
        <Drop
          id="sign-in-log"
          label="Add downloads of the sign-in log"
          multiple
          onFiles={(more) => onLog([...files, ...more])}
        />
        <p role="status">{next === undefined ? '' : `Reading ${visibleText(next.name)} …`}</p>
        {read.map(({ name, log }) =>
          typeof log === 'string' ? (
            <Notice kind="bad" key={name}>
              {name}: {log}
            </Notice>
          ) : null,
        )}
        {next !== undefined || files.length === 0 ? null : (
          <p>
            {whole.length === 0 ? 'Nothing is compared. ' : `Compared: ${whole.map(({ name }) => name).join(', ')}. `}
            <button
              type="button"
              class="s no-print"
              onClick={() => {
                setPartner(undefined);
                setEmpty([]);
                onLog([]);
              }}
            >
              Start anew
            </button>
          </p>
        )}
        {next !== undefined || whole.length === 0 || proven === undefined ? null : (
          <Compared
            log={{ ...merged, empty }}
            onEmpty={setEmpty}
            isWhole={merged.unread === 0 && whole.length === files.length}
            withheld={withheld}
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
  readonly log: SignInLog & Required<Pick<SignInLog, 'empty'>>;
  readonly onEmpty: (kinds: readonly boolean[]) => void;
  /** Whether everything that was added could be read. */
  readonly isWhole: boolean;
  readonly withheld: number;
  readonly tokens: readonly RecordedToken[];
  readonly period: Period;
  readonly partner: ReadonlySet<string> | undefined;
  readonly onPartner: (partner: ReadonlySet<string>) => void;
}

function Compared({ log, onEmpty, isWhole, withheld, tokens, period, partner, onPartner }: ComparedProps) {
  const join = joinSignIns(tokens, log, period, partner);
  const { covered, uncovered, withoutRecord, withoutSignIn, notCovered, otherProviders, recorded, applications } = join;
  const { signIns, unread } = log;
  const choose = (id: string, isChosen: boolean): void => {
    const next = new Set(join.partner);
    if (isChosen) next.add(id);
    else next.delete(id);
    onPartner(next);
  };
  const isAll = isWhole && uncovered.length === 0;
  const kindsWithout = [true, false].filter(
    (isUser) =>
      join.saidEmpty.includes(isUser) ||
      (uncovered.some((each) => each.isUser === isUser) && join.notEmpty.every((each) => each.isUser !== isUser)),
  );
  const limits =
    unread === 0 ? null : (
      <Notice kind="warn">
        <h3>{counted(unread, 'row')} cannot be read</h3>
        <p>
          Nothing here speaks of them: they have no identifier of a token, a time of another form, or are broken. Export
          the log as JSON.
        </p>
      </Notice>
    );
  if (covered.length === 0)
    return (
      <>
        {limits}
        <Notice kind="warn">
          The log and the file have no time in common. Export the log of the time that the file is about.
        </Notice>
      </>
    );
  return (
    <>
      {limits}
      <p>
        Both have sign-ins of <Periods periods={covered} />: {counted(signIns.length, 'sign-in')} in the log,{' '}
        {counted(tokens.length, 'token')} in the records, {recorded.toLocaleString('en')} of your partner’s sign-ins
        with a record.
      </p>
      {uncovered.length === 0 ? null : (
        <p class="warn-text">
          Not compared: sign-ins of <Periods periods={uncovered} />, which no download covers. It covers the time from
          its first to its last row, so let it begin before the file does and end later.
        </p>
      )}
      {kindsWithout.map((isUser) => (
        <label class="check" key={String(isUser)}>
          <input
            type="checkbox"
            checked={log.empty.includes(isUser)}
            onChange={({ currentTarget }) =>
              onEmpty([...log.empty.filter((kind) => kind !== isUser), ...(currentTarget.checked ? [isUser] : [])])
            }
          />
          <span>
            My log has no sign-in of {kindName(isUser)} in the time of the file: its download was empty.{' '}
            <span class="quiet">Nothing here proves it.</span>
          </span>
        </label>
      ))}
      {join.notEmpty
        .filter(({ isUser, by }) => by === 'records' && covered.every((each) => each.isUser !== isUser))
        .map(({ isUser }) => (
          <p class="warn-text" key={String(isUser)}>
            The log of {kindName(isUser)} is missing here: proven records have tokens of that kind in this time.
          </p>
        ))}
      {notCovered === 0 ? null : (
        <p class="warn-text">
          Not compared: {counted(notCovered, 'token')} of the records. Their time, or their kind of sign-in, is in no
          download or at the edge of one.
        </p>
      )}
      <Applications applications={applications} partner={join.partner} onChoose={choose} />
      {join.partner.size === 0 ? (
        <Notice kind="warn">
          No sign-in has a record, so this page cannot tell which application is your partner’s. Choose it above.
        </Notice>
      ) : withoutRecord.length === 0 ? (
        <div class={isAll ? 'note proven' : 'note'}>
          <div>
            <h3>{isAll ? 'Nothing without a record' : 'Nothing without a record in what was compared'}</h3>
            <p>
              In these sign-ins, Microsoft gave no token to your partner’s application of which the file does not speak.
              {join.saidEmpty.map((isUser) => ` It rests on your word that the log of ${kindName(isUser)} was empty.`)}
            </p>
          </div>
        </div>
      ) : (
        <Notice kind="bad">
          <h3>{counted(withoutRecord.length, 'sign-in')} without a record</h3>
          <p>
            Microsoft gave these tokens to your partner’s application, and no proven record speaks of them. Somebody
            used the credential outside the service; or the service got a token and handed it to nobody: to look after
            the credential, or because it got a newer one or refused at the last moment. Ask your partner.
            {withheld === 0 ? '' : ` Some may be of the ${counted(withheld, 'record')} that the file withholds.`}
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
          <p>Records speak of them, and the log does not. A log may be late by hours.</p>
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

const kindName = (isUser: boolean): string => (isUser ? 'users' : 'service principals');

const Periods = ({ periods }: { readonly periods: readonly KindPeriod[] }) => (
  <>
    {periods.map(({ fromMs, toMs, isUser }, at) => (
      <span key={`${isUser} ${fromMs}`}>
        {at === 0 ? '' : ' and '}
        {kindName(isUser)} from <When ms={fromMs} /> to <When ms={toMs} />
      </span>
    ))}
  </>
);

/** Applications of the log that are shown: a tenant may have thousands. */
const mostApplications = 12;

interface ApplicationsProps {
  readonly applications: readonly JoinedApplication[];
  readonly partner: ReadonlySet<string>;
  readonly onChoose: (id: string, isChosen: boolean) => void;
}

function Applications({ applications, partner, onChoose }: ApplicationsProps) {
  const [text, setText] = useState('');
  const wanted = text.trim().toLowerCase();
  const chosen = applications.filter(({ id }) => partner.has(id));
  const others = applications.filter(
    ({ id, name }) => !partner.has(id) && `${name} ${id}`.toLowerCase().includes(wanted),
  );
  const shown = [...chosen, ...others.slice(0, mostApplications)];
  return (
    <fieldset class="applications">
      <legend>Applications of your partner</legend>
      {applications.length <= mostApplications ? null : (
        <SearchField
          of="applications"
          class="field no-print"
          placeholder="name or id of an application"
          value={text}
          onText={setText}
        />
      )}
      {shown.map(({ id, name, signIns, recorded, provider }) => (
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
              {provider === 0 ? '' : `, ${provider.toLocaleString('en')} of a service provider`}
            </span>
          </span>
        </label>
      ))}
      {others.length <= mostApplications ? null : (
        <p class="quiet">{counted(others.length - mostApplications, 'more application')}: search for the name or id.</p>
      )}
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
