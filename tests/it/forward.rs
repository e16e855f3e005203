//! FORWARD: what passes through passes octet by octet, both ways.

use crate::support::client::Request;
use crate::support::gateway::{Setup, World};
use crate::support::server::{After, Server, write};
use crate::support::tokens::Token;
use crate::support::wire::Message;

fn get(target: &str) -> Request {
    Request::get(target).token(&Token::good().mint())
}

fn post() -> Request {
    Request::new("POST", "/payments").token(&Token::good().mint())
}

/// HTTP-22.
#[test]
fn path_and_query_arrive_as_they_were_sent() {
    let world = World::start();
    for target in [
        "/accounts?q=%41+b&&=",
        "/accounts?",
        "/accounts?a=b?c=d/../e//f",
        "/accounts?%C5%9F=%c5%9f&%00=%2e%2e",
        "/accounts?access_tokens=1&xaccess_token=2&a=access_token",
        "/accounts/a+b,c:d@e!$&'()*=~",
        "/accounts/%C5%9F%c5%9f%20",
        "/accounts/...",
    ] {
        assert_eq!(world.send(&get(target)).text(), format!("GET {target} HTTP/1.1"));
    }
}

#[test]
fn a_body_arrives_octet_by_octet() {
    let world = World::start();
    let octets: Vec<u8> = (0..=255).cycle().take(200_000).collect();
    assert_eq!(world.send(&post().field("content-type: a/b; c=\"d\"").body(&octets)).status(), 200);
    let seen = world.upstream.take().remove(0);
    assert_eq!(
        (seen.body == octets, seen.one("content-length"), seen.all("transfer-encoding").len()),
        (true, "200000", 0)
    );
    assert_eq!(seen.one("content-type"), "a/b; c=\"d\"");

    let mut client = world.client();
    client.write(post().field("transfer-encoding: Chunked").bytes());
    for chunk in octets.chunks(60_001) {
        client.write([format!("{:X};ext=\"a;b\"\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat());
    }
    client.write("0\r\n\r\n");
    assert_eq!(client.answer().status(), 200);
    let seen = world.upstream.only();
    assert_eq!(
        (seen.body == octets, seen.one("transfer-encoding"), seen.all("content-length").len()),
        (true, "chunked", 0)
    );
}

#[test]
fn an_empty_body_stays_what_it_was() {
    let world = World::start();
    world.send(&post().body(""));
    assert_eq!(world.upstream.last().one("content-length"), "0");
    world.send(&post().field("transfer-encoding: chunked\r\n\r\n0"));
    assert!(world.upstream.last().body.is_empty());
    world.send(&get("/accounts"));
    let seen = world.upstream.last();
    assert_eq!((seen.all("content-length").len(), seen.all("transfer-encoding").len()), (0, 0));
}

#[test]
fn a_response_arrives_octet_by_octet() {
    let octets: Vec<u8> = (0..=255).rev().cycle().take(300_000).collect();
    let body = octets.clone();
    let upstream = Server::with(move |request, stream| {
        let head =
            "HTTP/1.1 200 Fine\r\ncontent-type: application/json\r\nset-cookie: a=b\r\nset-cookie: c=d\r\nx-empty:\r\n";
        match request.target() {
            "/accounts/length" => {
                write(stream, format!("{head}content-length: {}\r\n\r\n", body.len()));
                write(stream, &body)
            }
            "/accounts/chunks" => {
                write(stream, format!("{head}transfer-encoding: chunked\r\n\r\n"));
                for chunk in body.chunks(70_000) {
                    write(stream, [format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat());
                }
                write(stream, "0\r\nx-trailer: 1\r\n\r\n")
            }
            _ => {
                write(stream, format!("{head}\r\n"));
                write(stream, &body);
                After::Close
            }
        }
    });
    let world = Setup::default().before(upstream);
    let mut client = world.client();
    for path in ["/accounts/length", "/accounts/chunks", "/accounts/close"] {
        let answer = client.send(&get(path));
        assert_eq!((answer.status(), answer.is_complete, answer.body == octets), (200, true, true), "{path}");
        assert_eq!(answer.all("set-cookie"), ["a=b", "c=d"], "{path}");
        assert_eq!((answer.one("x-empty"), answer.one("content-type")), ("", "application/json"), "{path}");
        assert!(answer.all("date").len() == 1, "HTTP-37");
    }
    assert!(!world.log().contains("x-trailer"));
}

/// HTTP-29: an answer without a body has none, whatever its head promises, and the next one is not mistaken for it.
#[test]
fn head_204_and_304_have_no_body() {
    let upstream = Server::with(|request, stream| {
        let answer = match request.target() {
            "/accounts/204" => "HTTP/1.1 204 No Content\r\n\r\n",
            "/accounts/304" => "HTTP/1.1 304 Not Modified\r\netag: \"a\"\r\ncontent-length: 5\r\n\r\n",
            "/accounts/205" => "HTTP/1.1 205 Reset Content\r\ncontent-length: 0\r\n\r\n",
            _ if request.method() == "HEAD" => "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n",
            _ => "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello",
        };
        write(stream, answer)
    });
    let world = Setup::default().before(upstream);
    let token = Token::good().mint();
    let mut client = world.client();
    for (method, path, status, length, body) in [
        ("HEAD", "/accounts", 200, Some("5"), ""),
        ("GET", "/accounts", 200, Some("5"), "hello"),
        ("GET", "/accounts/204", 204, None, ""),
        // RFC 9110 §8.6: the length of what was not modified may be told.
        ("GET", "/accounts/304", 304, Some("5"), ""),
        ("GET", "/accounts/205", 205, Some("0"), ""),
        ("HEAD", "/accounts/204", 204, None, ""),
        ("GET", "/accounts", 200, Some("5"), "hello"),
    ] {
        let answer = client.send(&Request::new(method, path).token(&token));
        assert_eq!(
            (answer.status(), answer.get("content-length"), answer.text().as_str()),
            (status, length, body),
            "{method} {path}"
        );
    }
    assert_eq!(world.upstream.connections(), 1, "the upstream's connection was reused");
}

#[test]
fn refusals_of_head_requests_have_no_body_either() {
    let world = World::start();
    let mut client = world.client();
    for (path, status) in [("/accounts", 401), ("/nowhere", 404), ("/payments", 405), ("/open/../a", 400)] {
        let answer = client.send(&Request::new("HEAD", path));
        assert_eq!((answer.status(), answer.body.len()), (status, 0), "{path}");
    }
}

#[test]
fn connections_are_reused_on_both_sides() {
    let world = World::start();
    let mut client = world.client();
    for n in 0..20 {
        let request = if n % 3 == 0 { post().body("x") } else { get("/accounts") };
        assert_eq!(client.send(&request).status(), 200);
    }
    assert_eq!((world.upstream.hits(), world.upstream.connections()), (20, 1));
    assert_eq!(world.admin("/metrics").text().matches("scopegate_connections_accepted_total 1\n").count(), 1);
}

/// HTTP-30.
#[test]
fn pipelined_requests_are_answered_in_order_and_a_bad_one_spoils_no_other() {
    let world = World::start();
    let mut client = world.client();
    let bad = Request::get("/accounts");
    let requests = [get("/accounts/1"), bad, get("/accounts/2"), get("/nowhere"), get("/accounts/3")];
    client.write(requests.iter().flat_map(Request::bytes).collect::<Vec<_>>());
    let answers: Vec<_> = requests.iter().map(|_| client.answer()).collect();
    assert_eq!(answers.iter().map(Message::status).collect::<Vec<_>>(), [200, 401, 200, 404, 200]);
    for (place, path) in [(0, "/accounts/1"), (2, "/accounts/2"), (4, "/accounts/3")] {
        assert_eq!(answers[place].text(), format!("GET {path} HTTP/1.1"));
    }
}

#[test]
fn close_and_http_1_0_are_honoured() {
    let world = World::start();
    let token = Token::good().mint();
    let mut client = world.client();
    assert_eq!(client.send(&get("/accounts").field("connection: close")).status(), 200);
    assert!(client.is_closed());
    let mut client = world.client();
    client.write(format!("GET /accounts HTTP/1.0\r\nhost: a\r\nauthorization: Bearer {token}\r\n\r\n"));
    let answer = client.answer();
    assert_eq!((answer.status(), answer.text().as_str()), (200, "GET /accounts HTTP/1.1"));
    assert_eq!(world.upstream.last().one("via"), "1.0 scopegate");
    assert!(client.is_closed());
    assert_eq!(world.upstream.connections(), 1, "the client's connection is not the upstream's");
}
