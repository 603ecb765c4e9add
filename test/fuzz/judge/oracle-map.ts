import type { Fact } from './facts.ts';
import type { Piece } from './oracle-path.ts';

/** A template, and who opens it by method and scheme. */
export interface Template {
  /** `*` for a placeholder. */
  readonly segments: readonly string[];
  readonly openings: Map<string, Fact[]>;
}

/** A template of the published file as segments; undefined for the broken ones and those with a colon. */
export function templateOf(path: string): readonly string[] | undefined {
  const text = path.toLowerCase().replaceAll('}}', '}').replaceAll('(team-id)', '{x}').replace(/\/+$/, '');
  if (/[?]|\.\.\.|^\/rp\/|:|[a-z]\{|\)[a-z]|8765/.test(text.replaceAll("='{", '={').replaceAll('({', '(={')))
    return undefined;
  if (/\w=\{/.test(text.replaceAll(/\([^)]*\)/g, ''))) return undefined;
  return text
    .replaceAll(/\(\{[^}]*\}\)/g, '/{x}')
    .replaceAll(
      /\(([^)]+)\)/g,
      (_, inside: string) =>
        `(${inside
          .split(',')
          .map((part) => (part.split('=')[0] ?? '').trim())
          .toSorted()
          .join(',')})`,
    )
    .slice(1)
    .split('/')
    .map((segment) => (segment.startsWith('{') ? '*' : segment.replace(/^graph\./, 'microsoft.graph.')));
}

/** The permission map as a list of templates, searched by comparing. */
export class TemplateList {
  readonly #byShape = new Map<string, Template[]>();
  readonly #byText = new Map<string, Template>();

  constructor(facts: readonly Fact[]) {
    for (const fact of facts) {
      const segments = templateOf(fact.path);
      if (segments === undefined) continue;
      const text = segments.join('/');
      let template = this.#byText.get(text);
      if (template === undefined) {
        template = { segments, openings: new Map() };
        this.#byText.set(text, template);
        const shape = `${segments[0]} ${segments.length}`;
        this.#byShape.set(shape, [...(this.#byShape.get(shape) ?? []), template]);
      }
      const key = `${fact.method} ${fact.scheme}`;
      template.openings.set(key, [...(template.openings.get(key) ?? []), fact]);
    }
  }

  /** The template that a path matches: literals win over placeholders, from the left. */
  match(path: readonly Piece[]): Template | undefined {
    const candidates = (this.#byShape.get(`${path[0]?.text} ${path.length}`) ?? []).filter(({ segments }) =>
      segments.every((segment, at) => fits(segment, path[at])),
    );
    return candidates.toSorted((one, other) => rank(other) - rank(one))[0];
  }

  byText(text: string): Template | undefined {
    return this.#byText.get(text);
  }
}

function fits(segment: string, piece: Piece | undefined): boolean {
  if (piece === undefined) return false;
  if (segment === '*') return piece.key || !/^\$|^(?:microsoft\.)?graph\./.test(piece.text);
  // Named keys are literals of the map.
  return (
    piece.text === segment &&
    (!piece.key ||
      /^(?:fido2|sms|voice|email|\w*oath|\w*authenticator|\w*pass\w*|x509certificate|qrcodepin|federatedidentitycredential)$/.test(
        segment,
      ))
  );
}

/** A number whose binary digits are the literals, from the left. */
const rank = ({ segments }: Template): number =>
  segments.reduce((sum, segment) => sum * 2 + (segment === '*' ? 0 : 1), 0);
