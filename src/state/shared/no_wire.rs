//! Stands for the connections to the store in a build without them: there is none. The configuration is refused before.

#![expect(clippy::unused_async, reason = "the other one waits")]

use super::count::{Script, Word};
use super::{Fault, Login};
use crate::net::dial::Stream;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;
use tokio::sync::mpsc;

#[derive(Clone)]
pub(super) enum Wire {}

pub(super) type Driver = Pin<Box<dyn Future<Output = ()>>>;

pub(super) type Inbox = mpsc::Sender<Vec<u8>>;

impl Wire {
    pub(super) async fn open(_: Stream, _: &Login, _: Option<Inbox>) -> Result<(Self, Driver), Fault> {
        Err(Fault::new("this scopegate was built without the feature `redis`"))
    }

    pub(super) fn run_id(&self) -> Option<&str> {
        match *self {}
    }

    pub(super) async fn put_if_absent(&self, _: &str, _: Duration, _: &str) -> Result<(bool, Option<Vec<u8>>), Fault> {
        match *self {}
    }

    pub(super) async fn put_or_read(&self, _: &str, _: &[u8], _: Duration) -> Result<Vec<u8>, Fault> {
        match *self {}
    }

    pub(super) async fn run(&self, _: &Script, _: &[String], _: &[Word]) -> Result<Vec<i64>, Fault> {
        match *self {}
    }

    pub(super) async fn run_in_full(&self, _: &Script, _: &[String], _: &[Word]) -> Result<Vec<i64>, Fault> {
        match *self {}
    }

    pub(super) async fn subscribe(&self, _: &str) -> Result<(), Fault> {
        match *self {}
    }

    pub(super) async fn add_ranked(&self, _: &str, _: &[(String, i64)], _: Option<&str>) -> Result<(), Fault> {
        match *self {}
    }

    pub(super) async fn drop_members(&self, _: &str, _: &[Vec<u8>]) -> Result<(), Fault> {
        match *self {}
    }

    pub(super) async fn ranked(&self, _: &str, _: u64) -> Result<(u64, Vec<(Vec<u8>, f64)>), Fault> {
        match *self {}
    }

    pub(super) async fn drop_ranked(&self, _: &str, _: i64) -> Result<u64, Fault> {
        match *self {}
    }

    pub(super) async fn evicts(&self) -> Result<bool, Fault> {
        match *self {}
    }

    pub(super) async fn ping(&self) -> Result<(), Fault> {
        match *self {}
    }
}
