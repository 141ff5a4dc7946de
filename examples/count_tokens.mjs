// Counts the tokens of each text of a JSON object on standard input, as a current model's tokenizer splits it.
import { encode } from "gpt-tokenizer";

const chunks = [];
for await (const chunk of process.stdin) chunks.push(chunk);
const texts = JSON.parse(Buffer.concat(chunks).toString("utf8"));
const counted = Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, encode(text).length]));
process.stdout.write(JSON.stringify(counted));
