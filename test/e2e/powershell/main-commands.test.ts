import { declarePesterTests } from './pester-tests.ts';

await declarePesterTests('main');
