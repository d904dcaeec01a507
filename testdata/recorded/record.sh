#!/usr/bin/env bash
# Makes the recordings in this folder again: record.sh NAME... or all of them. README.md tells where the programs are from.
# It needs uringsim in PATH, or its place in URINGSIM, and writes to /srv/demo, which is emptied. Programs that are built
# from source are looked for in LIBURING (liburing's folder, built), TOKIO_URING (target/debug/examples), GO_URING and
# IOURING_GO (folders with the examples' binaries), and PostgreSQL and bfs in the root POSTGRES.
#
# With TRY=1 it records nothing, but runs each program under the policy that its recording suggests, on RELEASE or 7.3, and
# tells what that refused.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
uringsim=${URINGSIM:-uringsim}
demo=/srv/demo

watch() { # NAME COMMAND...: records, or tries
  if [[ -z ${TRY-} ]]; then
    exec "$uringsim" record ${options-} -o "$here/$1.jsonl.zst" -- "${@:2}"
  fi
  "$uringsim" suggest "$here/$1.jsonl.zst" >"$demo.policy"
  exec "$uringsim" run --kernel "${RELEASE:-7.3}" --policy "$demo.policy" --report -- "${@:2}"
}

told() { # what became of a program that was tried
  [[ -z ${TRY-} ]] || sed -n 's/^uringsim: */  /p' "$demo.log"
}

record() { # NAME COMMAND...: until the program ends
  (watch "$@") </dev/null >"$demo.log" 2>&1 || tail -3 "$demo.log"
  told
}

serve() { # NAME CLIENT COMMAND...: a server, until the client is done
  (watch "$1" "${@:3}") </dev/null >"$demo.log" 2>&1 &
  local recorder=$!
  sleep 2
  $2 || echo "$1: the client failed"
  sleep 0.5
  kill -TERM "$recorder"
  wait "$recorder" || true # a server that a signal ends
  told
}

echoes() { # sends three lines to the echo server at port $1
  exec 3<>"/dev/tcp/127.0.0.1/$1"
  local line
  for n in 1 2 3; do
    echo "hello $n" >&3
    read -r -u 3 line
  done
  exec 3>&-
}

fio_job() { # NAME OPTION...
  record "$1" fio --name=job --filename=$demo/fio.dat --size=256k --bs=4k --iodepth=8 --ioengine=io_uring \
    --output=/dev/null "${@:2}"
}

fio-buffers() { fio_job fio-buffers --rw=randrw; }
fio-registered() { fio_job fio-registered --rw=randread --fixedbufs --registerfiles --nonvectored=1; }
fio-threads() { fio_job fio-threads --rw=randrw --numjobs=3 --thread; }
fio-fsync() { fio_job fio-fsync --rw=write --fsync=4 --iodepth_batch=4; }
fio-async() { fio_job fio-async --rw=randread --force_async=1; }
fio-hipri() { fio_job fio-hipri --rw=randread --hipri --direct=1 || true; } # most file systems refuse it
fio-sqpoll() { fio_job fio-sqpoll --rw=randread --sqthread_poll --registerfiles --rate_iops=200; }
fio-asleep() { options=--sqpoll-asleep fio_job fio-asleep --rw=randread --sqthread_poll --registerfiles; }

node-files() { UV_USE_IO_URING=1 record node-files node "$here/node-files.js"; }
node-server() { UV_USE_IO_URING=1 record node-server node "$here/node-server.js"; }

qemu-img() { record qemu-img qemu-img bench -t none -i io_uring -c 100 -d 8 -f raw disk.img; }
qemu-boot() {
  serve qemu-boot "sleep 6" qemu-system-x86_64 -M pc -m 64 -display none -serial none -monitor none \
    -drive file=disk.img,format=raw,if=ide,aio=io_uring,cache=writeback
}

liburing-cp() { record liburing-cp "$LIBURING/examples/io_uring-cp" in.dat out.dat; }
liburing-link-cp() { record liburing-link-cp "$LIBURING/examples/link-cp" in.dat out.dat; }
liburing-reg-wait() { record liburing-reg-wait "$LIBURING/examples/reg-wait"; }
udp_client() {
  exec 3<>/dev/udp/127.0.0.1/5555
  for n in 1 2 3; do
    echo "hello $n" >&3
    timeout 2 dd bs=100 count=1 status=none <&3 >/dev/null # a whole datagram
  done
  exec 3>&-
}
liburing-udp() { serve liburing-udp udp_client "$LIBURING/examples/io_uring-udp" -p 5555; }
liburing-send-zerocopy() {
  "$LIBURING/examples/send-zerocopy" -4 -p 7777 -R -t 3 tcp >/dev/null &
  local sink=$!
  sleep 0.5
  record liburing-send-zerocopy "$LIBURING/examples/send-zerocopy" -4 -D 127.0.0.1 -p 7777 -s 60000 -n 4 -z 1 -t 0 tcp
  wait "$sink"
}
proxy_client() { # sends three lines through the proxy, to a sink
  "$LIBURING/examples/send-zerocopy" -4 -p 4445 -R -t 3 tcp >/dev/null &
  local sink=$!
  sleep 0.5
  exec 3<>/dev/tcp/127.0.0.1/4444
  for n in 1 2 3; do
    echo "hello $n" >&3
    sleep 0.1
  done
  exec 3>&-
  wait "$sink"
}
liburing-proxy() {
  serve liburing-proxy proxy_client "$LIBURING/examples/proxy" -H 127.0.0.1 -r 4444 -p 4445
}
liburing-test() { record "liburing-$1" "$LIBURING/test/$1.t"; }
liburing-cancel-fd-userdata() { liburing-test cancel-fd-userdata; }
liburing-cq-full() { liburing-test cq-full; }
liburing-connect() { liburing-test connect; }
liburing-fd-install() { liburing-test fd-install; }
liburing-open-direct-link() { liburing-test open-direct-link; }
liburing-poll-cancel-all() { liburing-test poll-cancel-all; }
liburing-xattr() { liburing-test xattr; }

tokio-cat() { record tokio-cat "$TOKIO_URING/cat" in.dat; }
tokio-directories() { record tokio-directories "$TOKIO_URING/test_create_dir_all" || true; } # as root, some cases fail
tokio-echo() { serve tokio-echo "echoes 8081" "$TOKIO_URING/tcp_listener" 127.0.0.1:8081; }

go-cp() { record go-cp "$IOURING_GO/cp" in.dat out.dat; }
go-links() { record go-links "$IOURING_GO/link" in.dat; }
http_client() {
  curl -s http://127.0.0.1:8080/ping
  curl -s -d abc http://127.0.0.1:8080/post
}
go-http() { serve go-http http_client "$GO_URING/http-server"; }

mariadb_client() {
  mariadb --no-defaults -u root -S /srv/mysql/s.sock -e "
    create database d; use d; create table t (a int primary key auto_increment, b varchar(200)) engine=innodb;
    insert into t(b) select repeat(seq, 20) from seq_1_to_2000; flush tables; select count(*), sum(length(b)) from t;
    drop database d"
  sleep 1
}
mariadb() {
  rm -rf /srv/mysql && mkdir /srv/mysql && chown mysql /srv/mysql
  mariadb-install-db --no-defaults --user=mysql --datadir=/srv/mysql --auth-root-authentication-method=normal >/dev/null
  unset -f mariadb # from here on the client
  serve mariadb mariadb_client mariadbd --no-defaults --user=mysql --datadir=/srv/mysql --socket=/srv/mysql/s.sock \
    --skip-networking --innodb-buffer-pool-size=8M --innodb-read-io-threads=2 --innodb-write-io-threads=2
}

samba_client() {
  smbclient -N -p 4450 //127.0.0.1/share -c "get in.dat $demo/got.dat; put in.dat up.dat" >/dev/null 2>&1
}
samba() {
  rm -rf /srv/smb && mkdir -p /srv/smb $demo/share && cp $demo/in.dat $demo/share && chmod -R a+w $demo/share
  sed 's/^ *//' >/srv/smb/smb.conf <<-END
	[global]
	map to guest = Bad User
	bind interfaces only = yes
	interfaces = 127.0.0.1/8
	smb ports = 4450
	disable netbios = yes
	load printers = no
	lock directory = /srv/smb
	state directory = /srv/smb
	cache directory = /srv/smb
	pid directory = /srv/smb
	private dir = /srv/smb
	ncalrpc dir = /srv/smb/ncalrpc
	log file = /srv/smb/log
	[share]
	path = $demo/share
	guest ok = yes
	read only = no
	vfs objects = io_uring
	END
  serve samba samba_client smbd -F -s /srv/smb/smb.conf
}

in_postgres() { # COMMAND...: in the root of PostgreSQL, as a user who is not root
  chroot --userspec=65534:65534 "$POSTGRES" "$@"
}

postgres_query() { in_postgres $bin/psql -h /tmp -d postgres -XqAtc "$1" >/dev/null; }

postgres_client() {
  until postgres_query 'select 1' 2>/dev/null; do sleep 0.1; done
  # Pages all over the table first: what is between them is read into memory in pieces then, with READV.
  postgres_query 'set enable_indexscan = off; set enable_indexonlyscan = off; set enable_seqscan = off;
    select count(pad) from t where i % 61 = 0 and (i between 100 and 1900 or i between 2500 and 11900)'
  postgres_query 'select count(*) from t a join t b using (i)' &
  postgres_query 'select sum(length(pad)) from t'
  wait $!
  postgres_query 'analyze t'
}

postgres() {
  bin=/usr/lib/postgresql/18/bin
  rm -rf "$POSTGRES/db" && install -d -o 65534 -g 65534 "$POSTGRES/db"
  in_postgres $bin/initdb -D /db -A trust --no-sync --locale=C -E UTF8 >/dev/null
  in_postgres $bin/postgres --single -D /db postgres >/dev/null <<-END
	create table t as select i, repeat('x', 700) as pad from generate_series(1, 12000) i
	create index on t (i)
	vacuum t
	END
  serve postgres postgres_client chroot --userspec=65534:65534 "$POSTGRES" $bin/postgres -D /db -k /tmp -h '' \
    -c io_method=io_uring -c shared_buffers=8MB -c max_connections=6 -c autovacuum=off -c max_worker_processes=0 -c max_wal_senders=0
}

# find, with threads that look at files for it. Below POSTGRES as well, as it is newer than Debian's last release.
bfs() {
  mkdir -p "$POSTGRES/tree"/{a,b,c}/{d,e}
  echo text | tee "$POSTGRES/tree"/{a,b/d,c/e}/file >/dev/null
  record bfs chroot --userspec=65534:65534 "$POSTGRES" bfs -j2 /tree -size +0 -newermt 2020-01-01
}

all=(fio-buffers fio-registered fio-threads fio-fsync fio-async fio-hipri fio-sqpoll fio-asleep node-files node-server
  qemu-img qemu-boot liburing-cp liburing-link-cp liburing-reg-wait liburing-udp liburing-send-zerocopy
  liburing-cancel-fd-userdata liburing-connect liburing-cq-full liburing-fd-install liburing-open-direct-link
  liburing-poll-cancel-all liburing-proxy liburing-xattr tokio-cat tokio-directories tokio-echo go-cp go-links go-http
  mariadb samba postgres bfs)
[[ $# -gt 0 ]] || set -- "${all[@]}"
for name in "$@"; do
  rm -rf $demo && mkdir -p $demo && cd $demo
  head -c 262144 /dev/urandom >in.dat
  head -c 1048576 /dev/zero >disk.img
  printf '\x55\xaa' | dd of=disk.img bs=1 seek=510 conv=notrunc status=none
  echo "$name"
  "$name"
done
