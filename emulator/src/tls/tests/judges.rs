//! Clients by other authors as judges: OpenSSL's command, Python, Node.js and Java connect with our certificates.
//!
//! Each is started once, with a list of servers on ports of this machine and the name for which each server is to be
//! checked, and prints a line for each: the port, and `ok` or why it refused.

use std::{collections::BTreeMap, fs, net::TcpListener, path::Path, thread};

use jiff::Timestamp;

use super::{forgery::Loot, *};

/// A server on a port, until the test's process ends
fn listen(config: Arc<ServerConfig>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for socket in listener.incoming() {
            let mut socket = socket.unwrap();
            let mut connection = ServerConnection::new(config.clone()).unwrap();
            // The client may hang up before or after the handshake is done.
            let _ = connection.complete_io(&mut socket);
            connection.send_close_notify();
            let _ = connection.write_tls(&mut socket);
        }
    });
    port
}

/// A question to a client: the server's port, and the name for which it is to be checked
type Question = (u16, String);

/// A client, and its answer to each question; `None` where it is not installed
struct Judge {
    name: &'static str,
    ask: fn(&Path, &[Question]) -> Option<String>,
}

const JUDGES: [Judge; 4] = [
    Judge {
        name: "openssl",
        ask: openssl,
    },
    Judge {
        name: "python3",
        ask: python,
    },
    Judge {
        name: "node",
        ask: node,
    },
    Judge {
        name: "java",
        ask: java,
    },
];

fn openssl(certs: &Path, questions: &[Question]) -> Option<String> {
    let ca = certs.join("ca.pem");
    let mut answers = String::new();
    for (port, name) in questions {
        let address = format!("127.0.0.1:{port}");
        let mut arguments = vec![
            "s_client",
            "-connect",
            &address,
            "-CAfile",
            ca.to_str().unwrap(),
            "-x509_strict",
            "-verify_return_error",
        ];
        if name.parse::<std::net::IpAddr>().is_ok() {
            arguments.extend(["-noservername", "-verify_ip", name]);
        } else {
            arguments.extend(["-servername", name, "-verify_hostname", name]);
        }
        let output = foreign::run("openssl", &arguments, b"")?;
        let answer = match output
            .lines()
            .find(|line| line.contains("verify error") || line.contains("alert"))
        {
            None if output.contains("Verification: OK") => "ok",
            None => "no answer",
            Some(reason) => reason,
        };
        answers += &format!("{port} {answer}\n");
    }
    Some(answers)
}

/// `ca.pem`, then `PORT=NAME` for each question
fn arguments(ca: &Path, questions: &[Question]) -> Vec<String> {
    let questions = questions.iter().map(|(port, name)| format!("{port}={name}"));
    [ca.to_str().unwrap().to_owned()]
        .into_iter()
        .chain(questions)
        .collect()
}

fn run(program: &str, first: &[&str], arguments: &[String]) -> Option<String> {
    let arguments: Vec<_> = first
        .iter()
        .copied()
        .chain(arguments.iter().map(String::as_str))
        .collect();
    foreign::run(program, &arguments, b"")
}

fn python(certs: &Path, questions: &[Question]) -> Option<String> {
    run(
        "python3",
        &["-c", PYTHON],
        &arguments(&certs.join("ca.pem"), questions),
    )
}

fn node(certs: &Path, questions: &[Question]) -> Option<String> {
    run(
        "node",
        &["-e", NODE],
        &arguments(&certs.join("ca.pem"), questions),
    )
}

fn java(certs: &Path, questions: &[Question]) -> Option<String> {
    let program = tempfile::tempdir().unwrap();
    let source = program.path().join("Judge.java");
    fs::write(&source, JAVA).unwrap();
    run(
        "java",
        &[source.to_str().unwrap()],
        &arguments(&certs.join("truststore.p12"), questions),
    )
}

const PYTHON: &str = r#"
import socket, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[1])
# The default from Python 3.13 on
context.verify_flags |= ssl.VERIFY_X509_STRICT
for question in sys.argv[2:]:
    port, name = question.split("=")
    try:
        with socket.create_connection(("127.0.0.1", int(port))) as plain:
            with context.wrap_socket(plain, server_hostname=name):
                print(port, "ok")
    except ssl.SSLError as error:
        print(port, error)
"#;

const NODE: &str = r#"
const fs = require("node:fs"), net = require("node:net"), tls = require("node:tls");
const [ca, ...questions] = process.argv.slice(1);
(async () => {
    for (const question of questions) {
        const [port, name] = question.split("=");
        await new Promise((done) => {
            const server = net.isIP(name) ? { host: name } : { host: "127.0.0.1", servername: name };
            const socket = tls.connect({ ...server, port: Number(port), ca: fs.readFileSync(ca) });
            socket.on("secureConnect", () => { console.log(port, "ok"); socket.destroy(); done(); });
            socket.on("error", (error) => { console.log(port, error.code, error.message); done(); });
        });
    }
})();
"#;

const JAVA: &str = r#"
import java.io.*;
import java.net.Socket;
import java.security.KeyStore;
import javax.net.ssl.*;

public class Judge {
    public static void main(String[] arguments) throws Exception {
        KeyStore store = KeyStore.getInstance(new File(arguments[0]), "changeit".toCharArray());
        TrustManagerFactory trust = TrustManagerFactory.getInstance("PKIX");
        trust.init(store);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, trust.getTrustManagers(), null);
        for (int index = 1; index < arguments.length; index++) {
            String port = arguments[index].split("=")[0], name = arguments[index].split("=")[1];
            Socket plain = new Socket("127.0.0.1", Integer.parseInt(port));
            try (SSLSocket socket = (SSLSocket) context.getSocketFactory().createSocket(plain, name, plain.getPort(), true)) {
                SSLParameters parameters = socket.getSSLParameters();
                parameters.setEndpointIdentificationAlgorithm("HTTPS");
                socket.setSSLParameters(parameters);
                socket.startHandshake();
                System.out.println(port + " ok");
            } catch (SSLException error) {
                System.out.println(port + " " + error.getMessage());
            }
        }
    }
}
"#;

/// The answers of a judge, by port
fn answers(judge: &Judge, certs: &Path, questions: &[Question]) -> Option<BTreeMap<u16, String>> {
    let output = (judge.ask)(certs, questions)?;
    let mut answers = BTreeMap::new();
    for line in output.lines() {
        if let Some((port, answer)) = line.split_once(' ')
            && let Ok(port) = port.parse()
        {
            answers.insert(port, answer.to_owned());
        }
    }
    assert_eq!(answers.len(), questions.len(), "{}: {output}", judge.name);
    Some(answers)
}

/// A directory with an authority in it, and a server with that authority
fn directory_and_server() -> (tempfile::TempDir, Arc<ServerConfig>) {
    let directory = tempfile::tempdir().unwrap();
    let (authority, _) =
        CertificateAuthority::open_or_create(directory.path(), names(), Timestamp::now()).unwrap();
    (directory, server(&Arc::new(authority)))
}

#[test]
fn every_client_takes_the_certificates_of_every_kind_of_name() {
    let (directory, server) = directory_and_server();
    let names = [
        SERVICE,
        "lookoutvision-fips.eu-west-1.api.aws",
        "ec2.us-gov-west-1.amazonaws.com",
        "sts.amazonaws.com",
        "sts.ap-southeast-7.amazonaws.com",
        "lookoutvision.xx-nowhere-1.amazonaws.com",
        "vpce-1a2b3c4d.lookoutvision.us-west-2.vpce.amazonaws.com",
        "vpce-0a1b2c3d4e5f67890-abcdefgh-us-west-2a.lookoutvision.us-west-2.vpce.amazonaws.com",
        "localhost",
        "emulator.localhost",
        "host.docker.internal",
        "127.0.0.1",
    ];
    // One server for each name, so that the answers can be told apart.
    let questions = names.map(|name| (listen(server.clone()), name.to_owned()));
    for judge in &JUDGES {
        let Some(answers) = answers(judge, directory.path(), &questions) else {
            continue;
        };
        for (port, name) in &questions {
            assert_eq!(answers[port], "ok", "{} and {name}", judge.name);
        }
    }
}

#[test]
fn no_client_takes_what_the_keys_in_the_directory_can_sign() {
    let (directory, server) = directory_and_server();
    let forgeries = Loot::of(directory.path()).forgeries();
    let mut questions: Vec<_> = forgeries
        .iter()
        .map(|forgery| (listen(forgery.server.clone()), forgery.name.to_owned()))
        .collect();
    // The method is sound: a certificate that is accepted is among them.
    questions.push((listen(server), SERVICE.to_owned()));
    for judge in &JUDGES {
        let Some(answers) = answers(judge, directory.path(), &questions) else {
            continue;
        };
        let mut answers = questions.iter().map(|(port, _)| &answers[port]);
        for forgery in &forgeries {
            let answer = answers.next().unwrap().to_lowercase();
            let is_about_the_certificate = [
                "verify",
                "subtree",
                "certif",
                "certpath",
                "altname",
                "no subject alternative",
                "name",
            ]
            .iter()
            .any(|word| answer.contains(word));
            assert!(
                answer != "ok" && is_about_the_certificate,
                "{}: {} {}: {answer}",
                judge.name,
                forgery.name,
                forgery.how
            );
        }
        assert_eq!(answers.next().unwrap(), "ok", "{}", judge.name);
    }
}
