// A server that sends a file, and a client that asks it three times.
const http = require('node:http');
const fs = require('node:fs');

fs.writeFileSync('page.html', '<p>hello</p>');
const server = http.createServer((req, res) => fs.createReadStream('page.html').pipe(res));
server.listen(8082, '127.0.0.1', () => ask(3));

function ask(n) {
  if (n === 0) {
    server.close();
    return;
  }
  http.get({ port: 8082, agent: false }, (res) => {
    res.on('data', () => {});
    res.on('end', () => ask(n - 1));
  });
}
