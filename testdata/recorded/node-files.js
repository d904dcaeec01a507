// Reads, writes, renames and removes files with the asynchronous functions of fs.
const fs = require('node:fs/promises');

async function main() {
  await fs.mkdir('d', { recursive: true });
  await fs.writeFile('d/a.txt', 'one\n');
  await fs.appendFile('d/a.txt', 'two\n');
  console.log(await fs.readFile('d/a.txt', 'utf8'), (await fs.stat('d/a.txt')).size);
  await fs.link('d/a.txt', 'd/b.txt');
  await fs.symlink('a.txt', 'd/c.txt');
  console.log((await fs.lstat('d/c.txt')).isSymbolicLink());
  const file = await fs.open('d/b.txt', 'r+');
  await file.write(Buffer.from('three'), 0, 5, 0);
  await file.sync();
  await file.datasync();
  await file.stat();
  await file.truncate(6);
  await file.close();
  await fs.rename('d/b.txt', 'd/e.txt');
  await fs.access('d/e.txt');
  await fs.stat('d/none').catch((e) => console.log(e.code));
  await fs.rm('d', { recursive: true });
}

main();
