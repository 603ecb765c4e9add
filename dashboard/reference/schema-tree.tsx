import { createContext } from 'preact';
import { useContext, useState } from 'preact/hooks';
import { Sentence } from '../shared/text.tsx';
import { type ApiDocument, nameOf, resolve, type Schema } from './document.ts';

export const DocumentContext = createContext<ApiDocument | undefined>(undefined);

const useResolve = (): ((schema: Schema) => Schema) => {
  const document = useContext(DocumentContext);
  return (schema) => (document === undefined ? schema : resolve(document, schema));
};

/** The properties of a schema, one line each; what lies deeper unfolds. */
export function SchemaTree({ schema }: { readonly schema: Schema }) {
  const look = useResolve();
  const whole = look(schema);
  if (whole.anyOf !== undefined) {
    return (
      <div class="choices">
        {whole.anyOf.map((choice, index) => (
          <div key={nameOf(choice) ?? index}>
            <p class="quiet">
              {index === 0 ? 'Either' : 'or'} {nameOf(choice) ?? typeText(choice)}
            </p>
            <SchemaTree schema={choice} />
          </div>
        ))}
      </div>
    );
  }
  if (whole.type === 'array' && whole.items !== undefined) {
    return (
      <>
        <p class="quiet">A list of {nameOf(whole.items) ?? typeText(whole.items)}</p>
        <SchemaTree schema={whole.items} />
      </>
    );
  }
  const properties = Object.entries(whole.properties ?? {});
  if (properties.length === 0) return whole.description === undefined ? null : <Sentence text={whole.description} />;
  return (
    <ul class="properties">
      {properties.map(([name, property]) => (
        <Property key={name} name={name} schema={property} required={whole.required?.includes(name) ?? false} />
      ))}
    </ul>
  );
}

function Property(props: { readonly name: string; readonly schema: Schema; readonly required: boolean }) {
  const { name, schema, required } = props;
  const look = useResolve();
  const [open, setOpen] = useState(false);
  const whole = look(schema);
  const inner = whole.type === 'array' && whole.items !== undefined ? look(whole.items) : whole;
  const deeper = inner.properties !== undefined;
  return (
    <li>
      <div>
        <code>{name}</code>{' '}
        <span class="type">
          {whole.type === 'array'
            ? `list of ${nameOf(whole.items ?? {}) ?? typeText(inner)}`
            : (nameOf(schema) ?? typeText(whole))}
        </span>{' '}
        {required ? null : <span class="quiet">optional</span>}{' '}
        {deeper ? (
          <button type="button" class="unfold" aria-expanded={open} onClick={() => setOpen(!open)}>
            {open ? 'less' : 'more'}
          </button>
        ) : null}
      </div>
      {whole.description === undefined ? null : (
        <div>
          <Sentence text={whole.description} />
        </div>
      )}
      <Limits schema={whole} />
      {whole.type === 'array' && !deeper ? <Limits schema={inner} /> : null}
      {open ? <SchemaTree schema={inner} /> : null}
    </li>
  );
}

/** What a value may be, beyond its type. */
export function Limits({ schema }: { readonly schema: Schema }) {
  const said = limitsOf(schema);
  if (said.length === 0 && schema.enum === undefined) return null;
  return (
    <div class="quiet limits">
      {said.length === 0 ? null : `${said.join(', ')} `}
      {schema.enum === undefined ? null : <Values values={schema.enum} />}
    </div>
  );
}

const fewValues = 12;

function Values({ values }: { readonly values: readonly unknown[] }) {
  const [all, setAll] = useState(false);
  const shown = all ? values : values.slice(0, fewValues);
  return (
    <>
      {shown.map((value) => (
        <code key={String(value)}>{JSON.stringify(value)}</code>
      ))}
      {values.length > fewValues ? (
        <button type="button" class="unfold" aria-expanded={all} onClick={() => setAll(!all)}>
          {all ? 'fewer' : `${values.length - fewValues} more`}
        </button>
      ) : null}
    </>
  );
}

function limitsOf(schema: Schema): string[] {
  const { minimum, maximum, minLength, maxLength, maxItems, pattern } = schema;
  const said: string[] = [];
  if (minimum !== undefined && maximum !== undefined) said.push(`${minimum} to ${maximum}`);
  else if (minimum !== undefined) said.push(`at least ${minimum}`);
  else if (maximum !== undefined) said.push(`at most ${maximum}`);
  if (maxLength !== undefined) said.push(`${minLength ?? 0} to ${maxLength} characters`);
  if (maxItems !== undefined) said.push(`at most ${maxItems} items`);
  if (pattern !== undefined) said.push(`matches ${pattern}`);
  if (schema.default !== undefined) said.push(`${JSON.stringify(schema.default)} if absent`);
  return said;
}

export function typeText(schema: Schema): string {
  const { type, format, anyOf } = schema;
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (anyOf !== undefined) return anyOf.map((choice) => nameOf(choice) ?? typeText(choice)).join(' or ');
  const name = Array.isArray(type) ? type.join(' or ') : ((type as string | undefined) ?? 'any value');
  return format === undefined ? name : `${name} (${format})`;
}
