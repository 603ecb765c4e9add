import type { ExtractVerdict } from '../../src/lib/audit/proof/verify-extract.ts';
import { visibleText } from '../../src/lib/core/text.ts';
import { Notice } from '../shared/text.tsx';
import { type Heads, noHeads, withHeads } from './check.ts';
import { counted, Drop, Times, When, zone } from './parts.tsx';

/** What the reader knows by another way than the file, as typed. */
export interface Expected {
  readonly tenant: string;
  readonly key: string;
}

export const nothingExpected: Expected = { tenant: '', key: '' };

/** `open`: not compared yet, or not typed to its end. */
type Answer = 'open' | 'same' | 'other';

interface Comparisons {
  readonly tenant: Answer;
  readonly key: Answer;
  readonly heads: Answer;
}

/** What was compared of a proven file. Published heads that differ make it one that is not proven. */
export function comparisonsOf({ header, keys, missingHeads }: ExtractVerdict, expected: Expected, heads: Heads) {
  const tenant = answerOf(expected.tenant.toLowerCase(), [header?.tenant ?? '']);
  const key = answerOf(
    expected.key,
    keys.map(({ thumbprint }) => thumbprint),
  );
  const isCompared = heads.heads.length > 0 && missingHeads.length === 0;
  return { tenant, key, heads: isCompared ? 'same' : 'open' } as const satisfies Comparisons;
}

/**
 * A fingerprint may stand in groups, with its prefix, in quotation marks and beside others. What is shorter than one is not
 * typed to its end.
 */
export function answerOf(typed: string, wanted: readonly string[]): Answer {
  const text = typed.replaceAll(/sha-?256[:=-]?/gi, '').replaceAll(/[^\w-]/g, '');
  const found = wanted.filter((each) => text.includes(each)).length;
  if (wanted.length > 0 && found === wanted.length) return 'same';
  return found === 0 && text.length >= (wanted[0]?.length ?? Number.POSITIVE_INFINITY) ? 'other' : 'open';
}

interface VerdictProps {
  readonly name: string;
  readonly verdict: ExtractVerdict;
  readonly expected: Expected;
  readonly onExpected: (expected: Expected) => void;
  readonly heads: Heads;
  readonly onHeads: (heads: Heads) => void;
}

/** Whether the file is proven, what was compared, and what nothing proves. */
export function Verdict(props: VerdictProps) {
  const { name, verdict, expected, heads } = props;
  if (!verdict.isProven) return <NotProven {...props} />;
  const compared = comparisonsOf(verdict, expected, heads);
  return (
    <section class="stack" aria-label="Verdict">
      {compared.tenant === 'other' || compared.key === 'other' ? (
        <Notice kind="bad">
          <h2>NOT PROVEN</h2>
          {compared.tenant === 'other' ? (
            <p>
              <b>{name} is about another tenant than the one whose id you typed: it says nothing about yours.</b>
            </p>
          ) : null}
          {compared.key === 'other' ? (
            <p>
              <b>
                {name} is signed with another key than the one that you typed. Do not rely on it before your partner has
                explained the difference.
              </b>
            </p>
          ) : null}
          <p>What the file says is not shown.</p>
        </Notice>
      ) : (
        <Proven name={name} verdict={verdict} compared={compared} />
      )}
      <Tenant {...props} answer={compared.tenant} />
      <Keys {...props} answer={compared.key} />
      <Published {...props} />
    </section>
  );
}

const subjects: Readonly<Record<keyof Comparisons, string>> = {
  tenant: 'the tenant',
  key: 'the key',
  heads: 'what others were shown',
};

interface ProvenProps extends Pick<VerdictProps, 'name' | 'verdict'> {
  readonly compared: Comparisons;
}

function Proven({ name, verdict: { notes, proven, records, withheld }, compared }: ProvenProps) {
  const open = (['tenant', 'key', 'heads'] as const).filter((each) => compared[each] === 'open');
  const isOwn = compared.tenant === 'same' && compared.key === 'same';
  return (
    <div class={isOwn ? 'note proven' : 'note warn'}>
      <div>
        <h2>{isOwn ? 'PROVEN' : 'PROVEN, not compared yet'}</h2>
        <p>
          {name} has {counted(records + withheld, 'record')} about the tenant below
          {proven === undefined ? null : (
            <>
              {' '}
              from <When ms={Date.parse(proven.from)} /> to <When ms={Date.parse(proven.to)} /> ({zone})
            </>
          )}
          : all that the key below has signed for it, and no other.
        </p>
        {open.length === 0 ? null : (
          <p>
            <b>
              Not compared yet: {open.map((each) => subjects[each]).join(', ')}.
              {isOwn ? '' : ' Until then, the file may be about another tenant, or from anybody.'}
            </b>
          </p>
        )}
        {notes.map((note) => (
          <p key={note}>
            <Times text={note} />
          </p>
        ))}
        <p class="print-only">
          Checked on <When ms={Date.now()} /> by verify.html.
        </p>
      </div>
    </div>
  );
}

function NotProven({ name, verdict: { header, problems }, heads, onHeads }: VerdictProps) {
  return (
    <Notice kind="bad">
      <h2>NOT PROVEN</h2>
      <p>
        {name}
        {typeof header?.tenant === 'string' ? (
          <>
            , for the tenant <code>{visibleText(header.tenant)}</code>
          </>
        ) : null}
        :
      </p>
      {problems.map((problem) => (
        <p key={problem}>
          <b>{visibleText(problem)}</b>
        </p>
      ))}
      <p>
        A download that broke off or a program that saved the file anew can be the reason: ask for the file once more.
        If a fresh copy is not proven either, ask your partner why. What the file says is not shown.
      </p>
      {heads.heads.length === 0 ? null : (
        <button type="button" onClick={() => onHeads(noHeads)}>
          Check it without the published checkpoints
        </button>
      )}
    </Notice>
  );
}

/** SHA-256 in groups that people can compare by eye or on the telephone. */
const grouped = (thumbprint: string): string => thumbprint.replaceAll(/(.{4})(?=.)/g, '$1 ');

interface ComparedProps extends Pick<VerdictProps, 'verdict' | 'expected' | 'onExpected'> {
  readonly answer: Answer;
}

/** The tenant of the file. Its name is no help: nobody signs names. */
function Tenant({ verdict: { header, names }, expected, onExpected, answer }: ComparedProps) {
  const tenant = header?.tenant ?? '';
  const name = names[tenant];
  return (
    <section class="panel" aria-labelledby="tenant">
      <header>
        <h2 id="tenant">Is it your tenant?</h2>
      </header>
      <div class="pad">
        <p>
          The file is about the tenant with this id. Yours is in the Microsoft Entra admin center under Overview, as
          Tenant ID.
        </p>
        <code class="fingerprint">{tenant}</code>
        {name === undefined ? null : (
          <p class="quiet">
            The file calls it “<bdi>{visibleText(name)}</bdi>”. Nobody signs names, so rely on the id alone.
          </p>
        )}
        <Field
          id="own-tenant"
          label="The id of your tenant"
          value={expected.tenant}
          onInput={(text) => onExpected({ ...expected, tenant: text })}
        />
        <Answered answer={answer} same="It is this tenant." other="It is another tenant." />
        <p>
          The file was signed for the partner with the tenant id <code>{header?.broker}</code>.
        </p>
      </div>
    </section>
  );
}

const Answered = (words: { readonly answer: Answer; readonly same: string; readonly other: string }) => (
  <p role="status">
    {words.answer === 'open' ? (
      <span class="warn-text">Not compared yet.</span>
    ) : words.answer === 'same' ? (
      <span class="good-text">{words.same}</span>
    ) : (
      <span class="problem">{words.other}</span>
    )}
  </p>
);

interface FieldProps {
  readonly id: string;
  readonly label: string;
  readonly value: string;
  readonly onInput: (value: string) => void;
}

/** A field for what the reader knows by another way. */
const Field = ({ id, label, value, onInput }: FieldProps) => (
  <div class="compare no-print">
    <label for={id}>{label}</label>
    <input
      id={id}
      autocomplete="off"
      spellcheck={false}
      value={value}
      onInput={(event) => onInput(event.currentTarget.value)}
    />
  </div>
);

/** The keys that signed, and how to find out whose they are. */
function Keys({ verdict: { keys }, expected, onExpected, answer }: ComparedProps) {
  return (
    <section class="panel" aria-labelledby="keys">
      <header>
        <h2 id="keys">Is it your partner’s key?</h2>
      </header>
      <div class="pad">
        <p>
          Anybody can sign a file with a key of their own. It is your partner’s only if your partner gave you this
          fingerprint <b>by another way than this file</b>: in the contract, on its website, in a DNS record, or on the
          telephone.
        </p>
        {keys.map(({ kid, thumbprint }) => (
          <div class="signer" key={thumbprint}>
            <code class="fingerprint">{grouped(thumbprint)}</code>
            <span class="small">{visibleText(kid)}</span>
          </div>
        ))}
        <Field
          id="expected"
          label={
            keys.length === 1
              ? 'The fingerprint that you got by another way'
              : 'The fingerprints that you got by another way'
          }
          value={expected.key}
          onInput={(text) => onExpected({ ...expected, key: text })}
        />
        <Answered
          answer={answer}
          same="It is the same key. The file is from whoever gave you that fingerprint."
          other="It is another key."
        />
      </div>
    </section>
  );
}

/** The comparison with what others were shown. */
function Published({ verdict: { checkpoints, missingHeads }, heads: known, onHeads }: VerdictProps) {
  const { names, heads, problem } = known;
  const numbers = (of: typeof checkpoints): string =>
    `${of.length === 1 ? 'number' : 'numbers'} ${of.map(({ number }) => number).join(' and ')}`;
  const addresses = (missingHeads.length > 0 ? missingHeads : checkpoints).map(({ to }, at) => (
    <>
      {at === 0 ? '' : ' and '}
      <code>/api/audit/heads?from={to}</code>
    </>
  ));
  const added = `the ${counted(heads.length, 'published checkpoint')} that you added (${names.map(visibleText).join(', ')})`;
  return (
    <section class="panel" aria-labelledby="published">
      <header>
        <h2 id="published">Were others shown the same?</h2>
      </header>
      <div class="pad">
        {heads.length === 0 ? (
          <p>
            Every five minutes your partner’s service signs and publishes a checkpoint, which must be the same for
            everybody. This file rests on {numbers(checkpoints)}. Save what your partner’s service answers at{' '}
            {addresses}, or get it from somebody else who did, and add it here. Without it, nothing shows that you were
            not given a history of your own.
          </p>
        ) : missingHeads.length === 0 ? (
          <p class="good-text">
            Checkpoint {numbers(checkpoints)}: the same as among {added}.
          </p>
        ) : (
          <p class="warn-text">
            Not compared: checkpoint {numbers(missingHeads)} with {added}. Your partner’s service publishes what is
            missing at {addresses}.
          </p>
        )}
        <Drop
          id="heads"
          label="Add published checkpoints"
          multiple
          onFiles={(files) => void withHeads(known, files).then(onHeads)}
        />
        {problem === undefined ? null : <Notice kind="bad">{visibleText(problem)}</Notice>}
      </div>
    </section>
  );
}
