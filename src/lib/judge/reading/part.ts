/** A piece of a path. `text` is decoded. */
export type Part =
  /** A name or a key; only the map tells which. */
  | { readonly kind: 'word'; readonly text: string }
  /** A key in parentheses, `users('k')`. */
  | { readonly kind: 'key'; readonly text: string }
  /** A call or an alternate key: the name, and the names of its parameters in lower case. */
  | {
      readonly kind: 'call';
      readonly text: string;
      readonly parameters: readonly string[];
      readonly values: readonly string[];
    }
  /** `microsoft.graph.name`: a cast to a type, or the qualified name of a function or action. Without the namespace. */
  | { readonly kind: 'qualified'; readonly text: string; readonly parameters: readonly string[] | undefined }
  /** A segment that starts with a dollar sign. */
  | { readonly kind: 'dollar'; readonly text: string };

/** A segment of a path, read. */
export interface SegmentReading {
  readonly parts: readonly Part[];
  /** Percent-encoded, to send. */
  readonly canonical: string;
  /** Percent-encoded, with a key as a segment of its own. */
  readonly slashed: readonly string[];
}

const unencoded = /^[\w.~@:,=$-]+$/;

/** Percent-encodes a segment. `@ : , = $` may stand in a path (RFC 3986 section 3.3). */
export const encode = (text: string): string =>
  unencoded.test(text)
    ? text
    : encodeURIComponent(text).replaceAll(/%(?:40|3A|2C|3D|24)/g, (sequence) => decodeURIComponent(sequence));
