import { ApiFailure } from './api-failure.ts';

/** What a request brought for good. */
export type FinalAnswer<T> =
  | { readonly answer: T; readonly refusal?: undefined }
  | { readonly answer?: undefined; readonly refusal: ApiFailure };

/**
 * Resolves with the answer, or with a failure that the same request would bring again.
 * @throws ApiFailure of a request that may succeed later.
 */
export async function finalAnswer<T>(request: Promise<T>): Promise<FinalAnswer<T>> {
  try {
    return { answer: await request };
  } catch (thrown) {
    if (!(thrown instanceof ApiFailure) || thrown.transient) throw thrown;
    return { refusal: thrown };
  }
}
