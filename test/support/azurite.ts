export { type Azurite, startAzurite } from '../../src/cli/demo/azurite.ts';
