import { useState } from 'preact/hooks';
import type { ExtractVerdict } from '../../src/lib/audit/proof/verify-extract.ts';
import { visibleText } from '../../src/lib/core/text.ts';
import { Notice } from '../shared/text.tsx';
import { type Heads, noHeads, withHeads } from './check.ts';
import { counted, Drop, When } from './parts.tsx';

interface VerdictProps {
  readonly name: string;
  readonly verdict: ExtractVerdict;
  readonly heads: Heads;
  readonly onHeads: (heads: Heads) => void;
}

/** Whether the file is proven, what it rests on, and what nothing proves. */
export function Verdict({ name, verdict, heads, onHeads }: VerdictProps) {
  const { isProven, notes, proven, records, withheld } = verdict;
  if (!isProven) return <NotProven name={name} verdict={verdict} heads={heads} onHeads={onHeads} />;
  return (
    <section class="stack" aria-label="Verdict">
      <div class="note proven">
        <div>
          <h2>PROVEN</h2>
          <p>
            {name} has {counted(records + withheld, 'record')} about the tenant below
            {proven === undefined ? null : (
              <>
                {' '}
                from <When ms={Date.parse(proven.from)} /> to <When ms={Date.parse(proven.to)} />
              </>
            )}
            . They are all that the signed checkpoints hold for this tenant in this time, and no other.
          </p>
          <p>
            <b>Two things only you can check:</b> whether it is your tenant, and whether it is your partner’s key. With
            another tenant or another key, this file says nothing about you.
          </p>
          {notes.map((note) => (
            <p key={note}>{note}</p>
          ))}
          <p class="print-only">
            Checked on <When ms={Date.now()} /> by verify.html.
          </p>
        </div>
      </div>
      <Tenant verdict={verdict} />
      <Keys verdict={verdict} />
      <Published verdict={verdict} heads={heads} onHeads={onHeads} />
    </section>
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
            , for the tenant <code>{visibleText(header.tenant)}</code>,
          </>
        ) : null}{' '}
        is not the file that your partner’s service signed:
      </p>
      {problems.map((problem) => (
        <p key={problem}>
          <b>{visibleText(problem)}</b>
        </p>
      ))}
      <p>
        A download that broke off or a program that saved the file anew can be the reason. Ask for the file once more.
        If a fresh copy is not proven either, ask your partner why. What the file says is not shown, because nothing
        speaks for it.
      </p>
      {heads.heads.length === 0 ? null : (
        <button type="button" onClick={() => onHeads(noHeads)}>
          Check it without the published heads
        </button>
      )}
    </Notice>
  );
}

/** SHA-256 in groups that people can compare by eye or on the telephone. */
const grouped = (thumbprint: string): string => thumbprint.replaceAll(/(.{4})(?=.)/g, '$1 ');

const plain = (text: string): string => text.replaceAll(/[\s:]/g, '').replace(/^(sha-?256[:=-]?)/i, '');

/** The tenant of the file. Its name is no help: nobody signs names. */
function Tenant({ verdict: { header, names } }: Pick<VerdictProps, 'verdict'>) {
  const [expected, setExpected] = useState('');
  const tenant = header?.tenant ?? '';
  const name = names[tenant];
  const wanted = expected.trim().toLowerCase();
  return (
    <section class="panel" aria-labelledby="tenant">
      <header>
        <h2 id="tenant">Is it your tenant?</h2>
      </header>
      <div class="pad">
        <p>
          The file is about the tenant with this id. Compare it with yours: the Microsoft Entra admin center shows it
          under Overview as Tenant ID.
        </p>
        <code class="fingerprint">{tenant}</code>
        {name === undefined ? null : (
          <p class="quiet">
            The file calls it “<bdi>{visibleText(name)}</bdi>”. Nobody signs names, so rely on the id alone.
          </p>
        )}
        <Expected id="own-tenant" label="The id of your tenant" value={expected} onInput={setExpected} />
        <p role="status">
          {wanted === '' ? (
            <span class="warn-text">Not compared yet: this page cannot know which tenant is yours.</span>
          ) : wanted === tenant ? (
            <span class="good-text">It is this tenant.</span>
          ) : (
            <span class="problem">It is another tenant. This file says nothing about yours.</span>
          )}
        </p>
        <p>
          The checkpoints were signed for the partner with the tenant id <code>{header?.broker}</code>.
        </p>
      </div>
    </section>
  );
}

interface ExpectedProps {
  readonly id: string;
  readonly label: string;
  readonly value: string;
  readonly onInput: (value: string) => void;
}

/** A field for what the reader knows by another way. */
const Expected = ({ id, label, value, onInput }: ExpectedProps) => (
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
function Keys({ verdict: { keys } }: Pick<VerdictProps, 'verdict'>) {
  const [expected, setExpected] = useState('');
  const wanted = plain(expected);
  const isMatch = keys.length > 0 && keys.every(({ thumbprint }) => wanted.includes(thumbprint));
  return (
    <section class="panel" aria-labelledby="keys">
      <header>
        <h2 id="keys">Is it your partner’s key?</h2>
      </header>
      <div class="pad">
        <p>
          Anybody can make a key and sign a file with it. The file is your partner’s only if this fingerprint is the one
          that your partner gave you <b>by another way than this file</b>: in the contract, on its website, in a DNS
          record, or on the telephone.
        </p>
        {keys.map(({ kid, thumbprint }) => (
          <div class="signer" key={thumbprint}>
            <code class="fingerprint">{grouped(thumbprint)}</code>
            <span class="small">{visibleText(kid)}</span>
          </div>
        ))}
        <Expected
          id="expected"
          label={
            keys.length === 1
              ? 'The fingerprint that you got by another way'
              : 'The fingerprints that you got by another way'
          }
          value={expected}
          onInput={setExpected}
        />
        <p role="status">
          {wanted === '' ? (
            <span class="warn-text">Not compared yet: this page cannot know whose key it is.</span>
          ) : isMatch ? (
            <span class="good-text">It is the same key. The file is from whoever gave you that fingerprint.</span>
          ) : (
            <span class="problem">
              It is another key. Do not rely on this file before your partner has explained the difference.
            </span>
          )}
        </p>
      </div>
    </section>
  );
}

/** The comparison with what others were shown. */
function Published({ verdict: { checkpoints, proven }, heads: known, onHeads }: Omit<VerdictProps, 'name'>) {
  const { names, heads, problem } = known;
  // The answer has the heads of the hour before, too.
  const addressOf = (time: string): string => `/api/audit/heads?from=${time}`;
  return (
    <section class="panel" aria-labelledby="published">
      <header>
        <h2 id="published">Were others shown the same?</h2>
      </header>
      <div class="pad">
        {heads.length === 0 ? (
          <p>
            The proof rests on {checkpoints.length === 1 ? 'checkpoint' : 'checkpoints'} {checkpoints.join(' and ')} of
            your partner’s service. Every customer must see the same ones, so your partner’s service publishes them: at{' '}
            <code>{addressOf(proven?.from ?? '')}</code> and <code>{addressOf(proven?.to ?? '')}</code>. Save both
            lists, or get it from somebody else who did, and drop it here. Without it, nothing shows that you were not
            given a history of your own.
          </p>
        ) : (
          <p class="good-text">
            {checkpoints.length === 1 ? 'Checkpoint' : 'Checkpoints'} {checkpoints.join(' and ')}{' '}
            {checkpoints.length === 1 ? 'is' : 'are'} among the {counted(heads.length, 'published head')} that you added
            ({names.map(visibleText).join(', ')}).
          </p>
        )}
        <Drop
          id="heads"
          label="Add published heads"
          multiple
          onFiles={(files) => void withHeads(known, files).then(onHeads)}
        />
        {problem === undefined ? null : <Notice kind="bad">{visibleText(problem)}</Notice>}
      </div>
    </section>
  );
}
