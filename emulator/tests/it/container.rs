//! An emulator in a container is called from the container's host, by published ports, and from other containers, by
//! name.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use serde_json::Value;
use tokio::{io::AsyncWriteExt, net::TcpStream};

use crate::{
    process::PROGRAM,
    support::{Answer, read_answer},
};

/// As the image starts it, but for the folders
struct Container {
    process: Child,
    folder: tempfile::TempDir,
    printed: String,
    listen: u16,
    control: u16,
}

impl Container {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let config = std::fs::write(folder.path().join("emulator.yaml"), "names: [emulator]\n");
        config.expect("the folder is ours");
        let mut process = Command::new(PROGRAM)
            .args(["--listen", "0.0.0.0:0", "--control", "0.0.0.0:0"])
            .args(["--certs", "authority", "--public-certs", "certs"])
            .args(["--published-port", "9443", "--published-control-port", "9080"])
            .current_dir(&folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program was built with its tests");
        let mut printed = String::new();
        for line in BufReader::new(process.stdout.take().expect("it is piped")).lines() {
            printed += &line.expect("the ready block is text");
            printed.push('\n');
            if printed.ends_with("lookoutvision-emulator is ready\n") {
                break;
            }
        }
        let after = |text: &str| -> u16 {
            let (_, rest) = printed.split_once(text).unwrap_or_else(|| panic!("{printed}"));
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            digits.parse().expect("a port")
        };
        let listen = after("listening on 0.0.0.0:");
        let control = after(&format!("this container's {listen} and "));
        Self {
            process,
            folder,
            printed,
            listen,
            control,
        }
    }

    /// Asks the control API by this `Host`
    async fn ask(&self, host: &str, target: &str) -> Answer {
        let stream = TcpStream::connect(("127.0.0.1", self.control)).await;
        let mut stream = stream.expect("the control API listens");
        let request = format!("GET {target} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        let written = stream.write_all(request.as_bytes()).await;
        written.expect("the control API reads");
        read_answer(&mut stream).await.expect("the control API answers")
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        // One that has ended already needs no killing.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn the_ready_block_has_the_hosts_view_and_that_of_other_containers() {
    let container = Container::start();
    let (printed, listen, control) = (&container.printed, container.listen, container.control);
    let expected = format!(
        "  AWS API      https://localhost:9443  (listening on 0.0.0.0:{listen})
  control API  http://127.0.0.1:9080
  dashboard    http://127.0.0.1:9080/dashboard
  CA           http://127.0.0.1:9080/ca.pem
"
    );
    assert!(printed.contains(&expected), "{printed}");
    let expected = format!(
        "From the host, where ports 9443 and 9080 lead to this container's {listen} and {control}:

curl -sO 'http://127.0.0.1:9080/{{ca.pem,ca-bundle.pem,truststore.p12}}'
eval \"$(curl -sG http://127.0.0.1:9080/env -d format=sh --data-urlencode \"certs_directory=$PWD\")\"

From another container, "
    );
    assert!(printed.contains(&expected), "{printed}");

    let (_, for_others) = printed.split_once("From another container, ").unwrap();
    let lines = for_others
        .lines()
        .filter(|line| line.starts_with("export ") || line.starts_with("unset "));
    let script = lines.collect::<Vec<_>>().join("\n");
    let script = format!(
        "{script}\necho \"$AWS_ENDPOINT_URL_LOOKOUTVISION $LOOKOUTVISION_EMULATOR_CONTROL_URL $NO_PROXY $AWS_CA_BUNDLE\""
    );
    let read = Command::new("sh")
        .args(["-euc", &script])
        .env_remove("NO_PROXY")
        .output()
        .unwrap();
    let bundle = container
        .folder
        .path()
        .canonicalize()
        .unwrap()
        .join("certs/ca-bundle.pem");
    assert_eq!(
        String::from_utf8(read.stdout).unwrap(),
        format!(
            "https://emulator:{listen} http://emulator:{control} localhost,127.0.0.1,::1,emulator {}\n",
            bundle.display()
        )
    );
}

#[test]
fn the_hosts_lines_work_in_a_folder_with_a_blank_in_its_name() {
    let container = Container::start();
    let (_, lines) = container.printed.split_once("From the host, ").unwrap();
    let lines = lines
        .lines()
        .filter(|line| line.starts_with("curl ") || line.starts_with("eval "));
    let script = lines.collect::<Vec<_>>().join("\n");
    // Nothing publishes ports here.
    let script = script.replace("127.0.0.1:9080", &format!("127.0.0.1:{}", container.control));
    let folder = container.folder.path().join("a host's folder");
    std::fs::create_dir(&folder).unwrap();
    let script =
        format!("{script}\necho \"$AWS_ENDPOINT_URL_LOOKOUTVISION\"; cmp \"$NODE_EXTRA_CA_CERTS\" ca.pem");
    let read = Command::new("sh")
        .args(["-euc", &script])
        .current_dir(&folder)
        .output()
        .unwrap();
    assert!(read.status.success(), "{read:?}");
    assert_eq!(
        String::from_utf8(read.stdout).unwrap(),
        "https://localhost:9443\n"
    );
    let ours = std::fs::read(container.folder.path().join("certs/ca.pem")).unwrap();
    assert_eq!(std::fs::read(folder.join("ca.pem")).unwrap(), ours);
}

#[tokio::test]
async fn the_route_answers_from_where_it_is_asked() {
    let container = Container::start();
    // From the host, which does not see the container's files.
    let answer = container.ask("localhost:9080", "/env").await;
    assert_eq!(answer.status, 409, "{answer:?}");
    assert!(answer.text().contains("is in the container: store"), "{answer:?}");
    let answer = container
        .ask("localhost:9080", "/env?certs_directory=/home/you")
        .await;
    let variable = |answer: &Answer, name: &str| answer.json()[name].as_str().map(str::to_owned).unwrap();
    assert_eq!(
        variable(&answer, "AWS_ENDPOINT_URL_STS"),
        "https://localhost:9443"
    );
    assert_eq!(
        variable(&answer, "LOOKOUTVISION_EMULATOR_CONTROL_URL"),
        "http://localhost:9080"
    );
    assert_eq!(variable(&answer, "AWS_CA_BUNDLE"), "/home/you/ca-bundle.pem");
    // From another container.
    let answer = container.ask("emulator:8080", "/env").await;
    let url = format!("https://emulator:{}", container.listen);
    assert_eq!(variable(&answer, "AWS_ENDPOINT_URL_LOOKOUTVISION"), url);
    assert_eq!(
        variable(&answer, "LOOKOUTVISION_EMULATOR_CONTROL_URL"),
        "http://emulator:8080"
    );
    assert!(variable(&answer, "NO_PROXY").ends_with(",emulator"), "{answer:?}");
    // Whoever knows better says so.
    let target = "/env?client=boto3&certs_directory=C:%5Ccerts&endpoint_url=https://proxy.test:8443/";
    let answer = container.ask("localhost:9080", target).await;
    assert_eq!(
        variable(&answer, "AWS_ENDPOINT_URL_LOOKOUTVISION"),
        "https://proxy.test:8443"
    );
    assert!(
        variable(&answer, "AWS_CA_BUNDLE").starts_with(r"C:\certs"),
        "{answer:?}"
    );
}

#[tokio::test]
async fn a_view_that_cannot_be_is_refused() {
    let container = Container::start();
    for (query, told) in [
        ("certs_directory=certs", "`certs` is not an absolute path"),
        (
            "endpoint_url=localhost:8443",
            "`localhost:8443` is not the URL of an endpoint",
        ),
        (
            "endpoint_url=http://localhost:8443",
            "is not the URL of an endpoint",
        ),
        (
            "endpoint_url=https://localhost:8443/x",
            "is not the URL of an endpoint",
        ),
        (
            "endpoint_url=https://a@localhost",
            "is not the URL of an endpoint",
        ),
        (
            "endpoint=https://localhost",
            "`endpoint` is not a parameter of `/env`",
        ),
    ] {
        let answer = container.ask("localhost:9080", &format!("/env?{query}")).await;
        assert_eq!(answer.status, 400, "{query}: {answer:?}");
        assert!(answer.text().contains(told), "{query}: {answer:?}");
    }
}

#[test]
fn the_command_takes_the_view_as_well() {
    let container = Container::start();
    let env = |arguments: &[&str]| {
        let output = Command::new(PROGRAM)
            .args(["env", "--format", "json", "--control"])
            .arg(format!("http://127.0.0.1:{}", container.control))
            .args(arguments)
            .current_dir(&container.folder)
            .output()
            .unwrap();
        (output.status.code(), output.stdout, output.stderr)
    };
    let (code, stdout, stderr) = env(&[
        "--certs-directory",
        "mine",
        "--endpoint-url",
        "https://emulator.test",
    ]);
    assert_eq!(code, Some(0), "{stderr:?}");
    let variables: Value = serde_json::from_slice(&stdout).unwrap();
    assert_eq!(
        variables["AWS_ENDPOINT_URL_LOOKOUTVISION"],
        "https://emulator.test"
    );
    let mine = container
        .folder
        .path()
        .canonicalize()
        .unwrap()
        .join("mine/ca.pem");
    assert_eq!(variables["NODE_EXTRA_CA_CERTS"], mine.to_str().unwrap());
    let (code, _, stderr) = env(&[]);
    assert_eq!(code, Some(1));
    assert!(String::from_utf8(stderr).unwrap().contains("certs_directory"));
}

#[test]
fn one_published_port_without_the_other_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(PROGRAM)
        .args(["--published-port", "9443"])
        .current_dir(&folder)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(64), "{output:?}");
}
