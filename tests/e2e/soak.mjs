// Mixed load for as long as is asked: `make soak`, or SCOPEGATE_SOAK_SECONDS=600 node tests/e2e/soak.mjs. It takes the gateway
// that SCOPEGATE_BIN names, prints what came of everything, and fails if anything was wrong. What is done: `soak/`.

import { report } from './soak/report.mjs';
import { soak } from './soak/soak.mjs';

const seconds = Number(process.env.SCOPEGATE_SOAK_SECONDS ?? 1800);
const { text, isGood } = report(await soak({ seconds }));
console.log(text);
process.exitCode = isGood ? 0 : 1;
