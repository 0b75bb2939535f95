//! The requests of the server's interface that Longshore does not make.

/// Writes methods of a generated server trait that answer `UNIMPLEMENTED`, in the form that `async_trait` gives them.
macro_rules! unsupported {
    ($($name:ident($request:ty) -> $response:ty;)*) => {$(
        fn $name<'a, 'b>(
            &'a self,
            _: tonic::Request<$request>,
        ) -> std::pin::Pin<
            Box<dyn Future<Output = Result<tonic::Response<$response>, tonic::Status>> + Send + 'b>,
        >
        where
            'a: 'b,
            Self: 'b,
        {
            Box::pin(async {
                Err(tonic::Status::unimplemented(concat!(
                    "the stand-in for a Qdrant server does not have ",
                    stringify!($name)
                )))
            })
        }
    )*};
}

pub(super) use unsupported;
