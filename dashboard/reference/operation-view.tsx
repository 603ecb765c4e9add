import { useState } from 'preact/hooks';
import { Paragraphs, Sentence } from '../shared/text.tsx';
import { accessOf, type Answer, type Entry, type Media, type Parameter } from './document.ts';
import { Limits, SchemaTree, typeText } from './schema-tree.tsx';
import { TryIt } from './try-it.tsx';

/** One operation: description on the left, samples and a form on the right. */
export function OperationView({ entry }: { readonly entry: Entry }) {
  const { methods, path, operation } = entry;
  const { operationId, summary, description, parameters = [], requestBody, responses } = operation;
  const answers = Object.entries(responses);
  return (
    <section class="operation" id={operationId} aria-labelledby={`${operationId}-title`}>
      <div class="about">
        <h3 id={`${operationId}-title`}>
          <a class="anchor" href={`#${operationId}`}>
            {summary}
          </a>
        </h3>
        <p class="address">
          <Methods methods={methods} /> <code>/api{path}</code>
        </p>
        <p>
          <Sentence text={description} />
        </p>
        <p class="quiet">
          For: <Sentence text={accessOf(operation).replace(/[A-Z]\w+\.\w+/g, '`$&`')} />
        </p>
        <Parameters parameters={parameters} />
        {Object.values(requestBody?.content ?? {}).map(({ schema }) =>
          schema === undefined ? null : (
            <div key="body">
              <h4>Body</h4>
              <SchemaTree schema={schema} />
            </div>
          ),
        )}
        <h4>Answers</h4>
        <ul class="answers">
          {answers.map(([status, answer]) => (
            <AnswerView key={status} status={status} answer={answer} />
          ))}
        </ul>
      </div>
      <div class="use">
        <Samples samples={operation['x-codeSamples'] ?? []} />
        <Example answers={answers} />
        {operation.tags.includes('Pages') ? null : <TryIt entry={entry} />}
      </div>
    </section>
  );
}

/** The method of an operation; "ANY" if it has several. */
export function Methods({ methods }: Pick<Entry, 'methods'>) {
  const [method, ...others] = methods;
  if (others.length === 0) return <span class={`method ${method.toLowerCase()}`}>{method}</span>;
  return (
    <span class="method any" title={methods.join(', ')}>
      ANY
    </span>
  );
}

function Parameters({ parameters }: { readonly parameters: readonly Parameter[] }) {
  if (parameters.length === 0) return null;
  return (
    <>
      <h4>Parameters</h4>
      <ul class="properties">
        {parameters.map((parameter) => (
          <li key={parameter.name}>
            <div>
              <code>{parameter.name}</code> <span class="type">{typeText(parameter.schema)}</span>{' '}
              <span class="quiet">in the {parameter.in}</span>
            </div>
            {parameter.description === undefined ? null : (
              <div>
                <Sentence text={parameter.description} />
              </div>
            )}
            <Limits schema={parameter.schema} />
          </li>
        ))}
      </ul>
    </>
  );
}

function AnswerView({ status, answer }: { readonly status: string; readonly answer: Answer }) {
  const success = Number(status) < 400;
  const [open, setOpen] = useState(success);
  const schemas = Object.entries(answer.content ?? {}).filter(([, media]) => media.schema !== undefined);
  const shown = success ? schemas : schemas.filter(([type]) => type !== 'application/problem+json');
  return (
    <li>
      <div class="answer">
        <span class={`status ${success ? 'good' : 'bad'}`}>{status}</span>
        <div>
          <Paragraphs text={answer.description} />
          {shown.length === 0 ? null : (
            <button type="button" class="unfold" aria-expanded={open} onClick={() => setOpen(!open)}>
              {open ? 'less' : 'more'}
            </button>
          )}
        </div>
      </div>
      {open
        ? shown.map(([type, { schema }]) => (schema === undefined ? null : <SchemaTree key={type} schema={schema} />))
        : null}
    </li>
  );
}

function Samples({ samples }: { readonly samples: readonly { readonly label: string; readonly source: string }[] }) {
  const [label, setLabel] = useState(samples[0]?.label);
  const chosen = samples.find((sample) => sample.label === label);
  if (chosen === undefined) return null;
  return (
    <div>
      <div class="languages seg" role="group" aria-label="Language of the example">
        {samples.map((sample) => (
          <button
            key={sample.label}
            type="button"
            aria-pressed={sample === chosen}
            onClick={() => setLabel(sample.label)}
          >
            {sample.label}
          </button>
        ))}
      </div>
      <pre>
        <code>{chosen.source}</code>
      </pre>
    </div>
  );
}

function Example({ answers }: { readonly answers: readonly (readonly [string, Answer])[] }) {
  const media = answers.flatMap(([status, answer]) =>
    Number(status) < 400 ? Object.entries(answer.content ?? {}) : [],
  );
  const [type, example] = media.find(([, { example }]) => example !== undefined) ?? [];
  if (type === undefined) return null;
  return (
    <div>
      <p class="quiet">Answer</p>
      <pre>
        <code>{exampleText(example)}</code>
      </pre>
    </div>
  );
}

const exampleText = (media: Media | undefined): string =>
  typeof media?.example === 'string' ? media.example : JSON.stringify(media?.example, null, 2);
