import { useEffect, useState } from 'preact/hooks';

/** Whether the window is as narrow as a phone. Same limit as in the style sheets. */
const narrow = '(max-width: 720px)';

export function useNarrow(): boolean {
  const [isNarrow, setNarrow] = useState(() => matchMedia(narrow).matches);
  useEffect(() => {
    const query = matchMedia(narrow);
    const follow = (): void => setNarrow(query.matches);
    query.addEventListener('change', follow);
    return () => query.removeEventListener('change', follow);
  }, []);
  return isNarrow;
}
